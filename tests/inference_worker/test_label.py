from inference_worker.label import ANSWER, Channel, Label, ToolCall


def test_a_label_of_nothing_is_the_answer() -> None:
    assert Label() == ANSWER
    assert ANSWER.channel is Channel.ANSWER


def test_a_label_knows_how_much_text_it_holds() -> None:
    assert ANSWER.chars == 0
    assert Label(Channel.TOOL_CALL, "plan", ToolCall(0, "call_1", "find")).chars == len("plan") + len("call_1") + len(
        "find"
    )
