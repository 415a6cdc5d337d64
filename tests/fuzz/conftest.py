import pytest
from schemathesis.pytest.plugin import SchemathesisFunction


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Have each operation's test go by its own name.

    Schemathesis tells them apart by `name` alone, of which pytest 9.2 makes no node id; and of tests with one node id
    xdist runs one.
    """
    for item in items:
        if isinstance(item, SchemathesisFunction):
            item._id = item.id.with_params(item.operation_label)
