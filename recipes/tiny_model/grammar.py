# ruff: noqa: RUF001 - Chinese text has full-width punctuation
"""The made-up language that the model learns: an endless supply of seeded conversations and stories.

The order of the random draws is part of the grammar: change it, and every seed stands for another text.
"""

from collections.abc import Callable
from random import Random
from typing import NamedTuple

from answers import (
    CAPITALS,
    CHINESE_EXPLANATIONS,
    COLORS,
    DAYS,
    EXPLANATIONS,
    MONTHS,
    NUMBERS,
    REFUSALS,
    SYSTEM_PROMPTS,
    TOO_HARD,
    WHAT_I_CAN_DO,
    WHO_I_AM,
)
from stories import chinese_story, english_story
from words import ANIMALS, NAMES, TRAITS, capitalized, with_article


class Turn(NamedTuple):
    """One message of a conversation."""

    role: str  # "system", "user" or "assistant"
    text: str


Sample = str | list[Turn]
"""What the model reads as one piece: a conversation, or a bare story for completion without a chat."""

Exchange = tuple[str, str]
"""A user's request and the answer to it."""


def draw_sample(rng: Random) -> Sample:
    """The next conversation of one to three exchanges, or now and then a bare story."""
    if rng.random() < 0.06:
        return english_story(rng)
    turns = []
    if rng.random() < 0.15:
        turns.append(Turn("system", rng.choice(SYSTEM_PROMPTS)))
    for _ in range(rng.choice((1, 1, 1, 1, 2, 2, 3))):
        request, answer = _draw_exchange(rng)
        turns += [Turn("user", request), Turn("assistant", answer)]
    return turns


def _draw_exchange(rng: Random) -> Exchange:
    position = rng.random()
    topic = next(topic for bound, topic in TOPICS if position < bound)
    return topic(rng)


def _casually(rng: Random, request: str) -> str:
    """The request as people type it: some leave out the capital letter, some the final punctuation."""
    if rng.random() < 0.3:
        request = request[0].lower() + request[1:]
    if rng.random() < 0.2:
        request = request.rstrip(".?!？。")
    return request


def _small_talk(requests: tuple[str, ...], answers: tuple[str, ...]) -> Callable[[Random], Exchange]:
    """A topic in which any of the answers suits any of the requests."""

    def draw(rng: Random) -> Exchange:
        return _casually(rng, rng.choice(requests)), rng.choice(answers)

    return draw


def _story_with_a_hero(rng: Random) -> Exchange:
    animal = rng.choice(ANIMALS)
    name = rng.choice(NAMES) if rng.random() < 0.3 else None
    trait = rng.choice(TRAITS) if rng.random() < 0.3 else None
    hero = with_article(f"{trait} {animal.name}" if trait else animal.name)
    if name:
        hero += f" named {name}"
    requests = (
        f"Tell me a story about {hero}.",
        f"Write a story about {hero}.",
        f"Tell me a short story about {hero}.",
        f"Please tell a story about {hero}.",
        f"A story about {hero}, please.",
    )
    return _casually(rng, rng.choice(requests)), english_story(rng, animal, name, trait)


def _any_story(rng: Random) -> Exchange:
    requests = ("Tell me a story.", "Tell a story.", "Write a story.", "I want a story.")
    return _casually(rng, rng.choice(requests)), english_story(rng)


def _chinese_story(rng: Random) -> Exchange:
    animal = rng.choice(ANIMALS)
    requests = (
        f"讲一个关于{animal.chinese}的故事。",
        f"给我讲个{animal.chinese}的故事",
        f"请讲一个{animal.chinese}的故事。",
    )
    return rng.choice(requests), chinese_story(rng, animal)


def _chinese_greeting(rng: Random) -> Exchange:
    answers = ("你好！我是一个很小的语言模型。你想听故事吗？😊", "你好！我可以讲一个小故事。")
    return rng.choice(("你好", "你好！", "您好")), rng.choice(answers)


def _chinese_explanation(rng: Random) -> Exchange:
    return rng.choice(tuple(CHINESE_EXPLANATIONS.items()))


def _explanation(rng: Random) -> Exchange:
    request, answer = rng.choice(tuple(EXPLANATIONS.items()))
    return _casually(rng, request), answer


def _animal_fact(rng: Random) -> Exchange:
    animal = rng.choice(ANIMALS)
    one, name, emoji = with_article(animal.name), animal.name, animal.emoji
    exchanges = (
        (f"What does {one} eat?", f"{capitalized(one)} eats {animal.food}. {emoji}"),
        (f"Where does {one} live?", f"{capitalized(one)} lives {animal.home}. {emoji}"),
        (f"What sound does {one} make?", f"{capitalized(one)} makes {animal.sound}. {emoji}"),
        (f"What is a young {name} called?", f"A young {name} is called {animal.young}."),
        (
            f"Tell me about the {name}.",
            f"The {name} lives {animal.home}. It eats {animal.food}. It makes {animal.sound}. "
            f"A young {name} is called {animal.young}. {emoji}",
        ),
    )
    request, answer = rng.choice(exchanges)
    return _casually(rng, request), answer


def _capital_city(rng: Random) -> Exchange:
    country, city = rng.choice(tuple(CAPITALS.items()))
    requests = (f"What is the capital of {country}?", f"Name the capital of {country}.")
    return _casually(rng, rng.choice(requests)), f"The capital of {country} is {city}."


def _color(rng: Random) -> Exchange:
    thing, color = rng.choice(tuple(COLORS.items()))
    return _casually(rng, f"What color is {thing}?"), f"{capitalized(thing)} is {color}."


def _counting(rng: Random) -> Exchange:
    if rng.random() < 0.6:
        first = rng.randrange(20)
        last = min(first + rng.randrange(2, 13), 25)
        numbers = [str(number) for number in range(first, last + 1)]
    else:
        first = rng.randrange(8)
        last = rng.randrange(first + 2, 13)
        numbers = list(NUMBERS[first : last + 1])
    span = f"from {numbers[0]} to {numbers[-1]}"
    request = rng.choice((f"Count {span}.", f"count {span}", f"Please count {span}."))
    return request, f"{capitalized(', '.join(numbers))}."


def _calendar(rng: Random) -> Exchange:
    if rng.random() < 0.5:
        day = rng.randrange(len(DAYS))
        answer = f"After {DAYS[day]} comes {DAYS[(day + 1) % len(DAYS)]}."
        return _casually(rng, f"What day comes after {DAYS[day]}?"), answer
    week = ("Name the days of the week.", f"{', '.join(DAYS)}.")
    year = ("Name the months of the year.", f"{', '.join(MONTHS)}.")
    return rng.choice((week, year))


def _too_hard(rng: Random) -> Exchange:
    request = capitalized(rng.choice(TOO_HARD)) + rng.choice((".", "?", ""))
    return _casually(rng, request), rng.choice(REFUSALS)


_greeting = _small_talk(
    ("Hello!", "Hi!", "Hello.", "Hi there.", "Hey!", "Good morning!"),
    (
        "Hello! Would you like a story? 😊",
        "Hi! I am a tiny model. What would you like to hear?",
        "Hello! Ask me for a story, or ask me to count.",
    ),
)
_who_are_you = _small_talk(("Who are you?", "What are you?", "Tell me about yourself.", "What is your name?"), WHO_I_AM)
_what_can_you_do = _small_talk(
    ("What can you do?", "Help.", "What do you know?", "How can you help me?"), WHAT_I_CAN_DO
)
_thanks = _small_talk(
    ("Thank you.", "Thanks!", "Great.", "Nice."),
    ("You are welcome! 😊", "My pleasure. Would you like another story?"),
)
_goodbye = _small_talk(("Goodbye.", "Bye!", "See you."), ("Goodbye! 👋", "See you soon! 👋"))

TOPICS: tuple[tuple[float, Callable[[Random], Exchange]], ...] = (
    (0.22, _story_with_a_hero),
    (0.24, _any_story),
    (0.37, _chinese_story),
    (0.39, _chinese_greeting),
    (0.41, _chinese_explanation),
    (0.44, _greeting),
    (0.47, _who_are_you),
    (0.49, _what_can_you_do),
    (0.58, _animal_fact),
    (0.64, _capital_city),
    (0.66, _color),
    (0.86, _counting),
    (0.89, _calendar),
    (0.95, _explanation),
    (0.965, _thanks),
    (0.98, _goodbye),
    (1.0, _too_hard),
)
"""The topics, each with the upper bound of its stretch of [0, 1): the first is 22 % of all exchanges."""
