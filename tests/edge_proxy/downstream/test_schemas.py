from pydantic import BaseModel, Field

from edge_proxy.downstream.schemas import body_schema, query_schema


class Inner(BaseModel):
    name: str


class Outer(BaseModel):
    inner: list[Inner]
    number: int = Field(1, description="How many.")


def test_a_body_is_documented_in_one_piece() -> None:
    schema = body_schema(Outer)["content"]["application/json"]["schema"]
    assert "$defs" not in schema
    assert schema["properties"]["inner"]["items"]["properties"]["name"]["type"] == "string"


def test_a_query_has_a_parameter_for_each_field() -> None:
    parameters = {parameter["name"]: parameter for parameter in query_schema(Outer)}
    assert set(parameters) == {"inner", "number"}
    assert parameters["number"]["in"] == "query"
    assert parameters["number"]["schema"]["description"] == "How many."
