import dataclasses

from hypothesis import given
from hypothesis import strategies as st

from edge_proxy.conversations.history import BYTES_PER_TOKEN, MESSAGE_TOKENS, fit
from edge_proxy.conversations.records import Message as Kept
from edge_proxy.conversations.records import State
from edge_proxy.core.request import Message


def said(position: int, role: str, text: str, state: State = State.COMPLETE) -> Kept:
    return Kept(id=str(position), position=position, role=role, text=text, state=state)


def turns(*texts: str, first: int = 0) -> list[Kept]:
    """A user's message and a reply, in turn."""
    return [said(first + place, "assistant" if place % 2 else "user", text) for place, text in enumerate(texts)]


def tokens(messages: tuple[Message, ...]) -> int:
    return sum(MESSAGE_TOKENS + -(-len(m.content.encode()) // BYTES_PER_TOKEN) for m in messages)


def test_all_goes_to_the_model_in_order_where_there_is_room() -> None:
    earlier = [said(0, "assistant", "Hoo!"), *turns("a", "b", "c", "d", first=1)]
    assert fit("Be an owl.", earlier, "e", context_tokens=0, max_tokens=None) == (
        Message("system", "Be an owl."),
        Message("assistant", "Hoo!"),
        Message("user", "a"),
        Message("assistant", "b"),
        Message("user", "c"),
        Message("assistant", "d"),
        Message("user", "e"),
    )


def test_without_a_system_prompt_there_is_none() -> None:
    assert fit("", [], "x", context_tokens=0, max_tokens=None) == (Message("user", "x"),)


def test_an_interrupted_reply_goes_as_far_as_it_came() -> None:
    earlier = [said(0, "user", "a"), said(1, "assistant", "half a", State.INTERRUPTED)]
    assert fit("", earlier, "x", context_tokens=0, max_tokens=None)[1] == Message("assistant", "half a")


def test_what_was_never_answered_is_left_out_with_its_question() -> None:
    earlier = [*turns("a", ""), *turns("c", "d", first=2)]
    assert [m.content for m in fit("", earlier, "x", context_tokens=0, max_tokens=None)] == ["c", "d", "x"]


def test_a_reply_whose_question_is_not_there_is_left_out() -> None:
    earlier = [said(7, "assistant", "b"), *turns("c", "d", first=8)]
    assert [m.content for m in fit("", earlier, "x", context_tokens=0, max_tokens=None)] == ["c", "d", "x"]


def test_of_too_much_the_oldest_turns_go_first_and_whole() -> None:
    earlier = turns("a" * 100, "b" * 100, "c" * 100, "d" * 100)
    fitted = fit("s", earlier, "x", context_tokens=200, max_tokens=10)
    assert [m.content[:1] for m in fitted] == ["s", "c", "d", "x"]


def test_system_prompt_and_question_go_whatever_room_there_is() -> None:
    fitted = fit("s" * 1000, turns("a", "b"), "x" * 1000, context_tokens=8, max_tokens=None)
    assert [m.role for m in fitted] == ["system", "user"]


def test_room_is_kept_for_the_answer() -> None:
    earlier = turns("a" * 60, "b" * 60)
    assert len(fit("", earlier, "x", context_tokens=100, max_tokens=1)) == 3
    assert len(fit("", earlier, "x", context_tokens=100, max_tokens=90)) == 1


def test_characters_of_three_bytes_count_for_more() -> None:
    assert len(fit("", turns("a" * 40, "b" * 40), "x", context_tokens=100, max_tokens=1)) == 3
    assert len(fit("", turns("河" * 40, "流" * 40), "x", context_tokens=100, max_tokens=1)) == 1


def test_a_reply_counts_for_as_much_as_its_worker_has_counted() -> None:
    counted = [turns("a", "b" * 100)[0], dataclasses.replace(turns("a", "b" * 100)[1], completion_tokens=30)]
    assert len(fit("", counted, "x", context_tokens=70, max_tokens=1)) == 3
    assert len(fit("", turns("a", "b" * 100), "x", context_tokens=70, max_tokens=1)) == 1
    another = [counted[0], dataclasses.replace(counted[1], completion_tokens=1, text="b" * 1000)]
    assert len(fit("", another, "x", context_tokens=70, max_tokens=1)) == 1, "of another model, perhaps"


TEXTS = st.text(min_size=0, max_size=30)


@given(texts=st.lists(TEXTS, max_size=12), system=TEXTS, context=st.integers(1, 400))
def test_whatever_was_said_the_newest_whole_turns_go_and_they_fit(texts: list[str], system: str, context: int) -> None:
    earlier = turns(*texts[: len(texts) // 2 * 2])
    everything = fit(system, earlier, "now", context_tokens=0, max_tokens=None)
    fitted = fit(system, earlier, "now", context_tokens=context, max_tokens=None)
    always = 2 if system else 1
    assert fitted[-1] == Message("user", "now")
    assert fitted[: always - 1] == everything[: always - 1]
    kept = fitted[always - 1 : -1]
    assert kept == everything[len(everything) - 1 - len(kept) : -1]
    assert len(kept) % 2 == 0
    if kept:
        assert tokens(fitted) <= context
