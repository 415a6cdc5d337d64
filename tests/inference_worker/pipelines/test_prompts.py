from inference_worker.pipelines import prompts
from inference_worker.pipelines.steps import Execution
from inference_worker.request import Message

ASKED = (Message("system", "Be kind."), Message("user", "Sum {these}."))


def test_every_stage_has_the_task_as_it_is_in_one_message_of_the_user() -> None:
    ran = Execution("{4}")
    for made in (
        prompts.code(ASKED),
        prompts.explanation(ASKED, "print({})", ran),
        prompts.plan(ASKED),
        prompts.work(ASKED, "{plan}", "{reply}", "{objections}"),
        prompts.verify(ASKED, "{plan}", "{reply}", ran),
    ):
        assert made[:-1] == ASKED[:-1]
        assert made[-1].role == "user"
        assert "Sum {these}." in made[-1].content


def test_an_explanation_has_the_code_and_what_came_of_it_or_says_that_there_is_none() -> None:
    assert "print(4)" in prompts.explanation(ASKED, "print(4)", Execution("4"))[-1].content
    assert prompts.NOT_RUN in prompts.explanation(ASKED, "print(4)", None)[-1].content
    assert prompts.NO_CODE in prompts.explanation(ASKED, None, None)[-1].content


def test_objections_are_there_when_there_are_some() -> None:
    first, again = prompts.work(ASKED, "1.", "", ""), prompts.work(ASKED, "1.", "It is 5.", "It is not.")
    assert "objected" not in first[-1].content
    assert again[-1].content.startswith(first[-1].content)
    assert "It is not." in again[-1].content


def test_the_verifier_is_told_what_code_printed_and_which_words_to_begin_with() -> None:
    text = prompts.verify(ASKED, "1.", "It is 4.", Execution("4\n"))[-1].content
    assert "It is 4." in text
    assert "4\n" in text
    assert prompts.ACCEPT in text
    assert prompts.OBJECT in text
