# ruff: noqa: RUF001 - Chinese text has full-width punctuation
"""Little stories in English and Chinese, put together from random parts.

A seed stands for one exact text only while the order of the random draws stays as it is. Note that a draw
inside one of several alternatives happens whether or not that alternative is taken.
"""

from dataclasses import dataclass
from random import Random
from typing import TypeVar

from words import (
    ANIMALS,
    CHINESE_ENDINGS,
    CHINESE_NAMES,
    CHINESE_PLACES,
    CHINESE_THINGS,
    HIDING_PLACES,
    MORALS,
    NAMES,
    PLACES,
    THINGS,
    TRAITS,
    WEATHER,
    Animal,
    with_article,
)

T = TypeVar("T")


@dataclass(frozen=True)
class Character:
    """Someone in a story."""

    animal: Animal
    name: str
    trait: str

    @property
    def introduction(self) -> str:
        """Who this is, as in "a brave fox named Tom"."""
        return f"{with_article(self.trait)} {self.animal.name} named {self.name}"


@dataclass(frozen=True)
class Scene:
    """What every sentence of one story agrees on."""

    hero: Character
    friend: Character
    thing: str
    place: str
    weather: str


def english_story(rng: Random, animal: Animal | None = None, name: str | None = None, trait: str | None = None) -> str:
    """A story of nine to eleven sentences; what the caller does not say of its hero is drawn."""
    scene = _draw_scene(rng, animal, name, trait)
    sentences = _opening(rng, scene)
    sentences += rng.choice((_lost_and_found, _new_friend, _rescue))(rng, scene)
    sentences.append(_ending(rng, scene))
    if rng.random() < 0.5:
        sentences.append(scene.hero.animal.emoji)
    return " ".join(sentences)


def chinese_story(rng: Random, animal: Animal) -> str:
    """A Chinese story of a few sentences about the animal."""
    friend_animal = rng.choice(_all_but(animal, ANIMALS))
    name = rng.choice(CHINESE_NAMES)
    friend = rng.choice(_all_but(name, CHINESE_NAMES))
    place, thing = rng.choice(CHINESE_PLACES), rng.choice(CHINESE_THINGS)
    plots = (
        f"有一天，{name}丢了一个{thing}，心里很难过。一只{friend_animal.chinese}走过来，名叫{friend}。"
        f"{friend}说：“我来帮你找。”他们一起找到了{thing}，成了好朋友。",
        f"一天早上，{name}遇见了一只{friend_animal.chinese}，名叫{friend}。他们一起玩{thing}，一直玩到太阳下山。",
    )
    opening = f"从前，{place}住着一只{animal.chinese}，名叫{name}。"
    return opening + rng.choice(plots) + rng.choice(CHINESE_ENDINGS) + rng.choice(("", animal.emoji))


def _all_but(taken: T, options: tuple[T, ...]) -> list[T]:
    return [option for option in options if option != taken]


def _draw_scene(rng: Random, animal: Animal | None, name: str | None, trait: str | None) -> Scene:
    hero = Character(
        animal=animal or rng.choice(ANIMALS),
        name=name or rng.choice(NAMES),
        trait=trait or rng.choice(TRAITS),
    )
    friend = Character(
        animal=rng.choice(_all_but(hero.animal, ANIMALS)),
        name=rng.choice(_all_but(hero.name, NAMES)),
        trait=rng.choice(_all_but(hero.trait, TRAITS)),
    )
    return Scene(hero, friend, thing=rng.choice(THINGS), place=rng.choice(PLACES), weather=rng.choice(WEATHER))


def _opening(rng: Random, scene: Scene) -> list[str]:
    hero, place = scene.hero, scene.place
    arrivals = (
        f"Once upon a time there was {hero.introduction}.",
        f"{hero.name} was {with_article(hero.trait)} {hero.animal.name}.",
        f"Long ago, in a quiet {place}, there lived {hero.introduction}.",
    )
    habits = (
        f"{hero.name} lived {hero.animal.home} and loved to eat {hero.animal.food}.",
        f"Every day {hero.name} ate {hero.animal.food} and played near the {place}.",
    )
    return [rng.choice(arrivals), rng.choice(habits)]


def _lost_and_found(rng: Random, scene: Scene) -> list[str]:
    hero, friend, thing, place = scene.hero.name, scene.friend.name, scene.thing, scene.place
    article = rng.choice(("a", "the"))
    searches = (
        f"{hero} looked everywhere, but the {thing} was gone.",
        f"{hero} felt sad and sat down by the path.",
    )
    thanks = (f"{hero} thanked {friend}, and they became friends.", f"{hero} and {friend} danced with joy.")
    return [
        f"One {scene.weather} morning {hero} lost {article} {thing}.",
        rng.choice(searches),
        f"Then {scene.friend.introduction} came by.",
        f'"Why are you sad?" asked {friend}.',
        f'"I lost my {thing}," said {hero}.',
        f'{friend} made {scene.friend.animal.sound} and said, "Let us look together."',
        f"They searched the whole {place} and found the {thing} under {rng.choice(HIDING_PLACES)}.",
        rng.choice(thanks),
    ]


def _new_friend(rng: Random, scene: Scene) -> list[str]:
    hero, friend, thing, place = scene.hero.name, scene.friend.name, scene.thing, scene.place
    replies = (f"{friend} smiled and said yes.", f"{friend} was shy at first, but then said yes.")
    return [
        f"One {scene.weather} day {hero} walked to the {place}.",
        f"There {hero} met {scene.friend.introduction}.",
        f'"Would you like to play?" asked {hero}.',
        rng.choice(replies),
        f"They played with a {thing} until the sun went down.",
        f"When it was time to go, {friend} gave {hero} the {thing}.",
        f"{hero} went home and dreamed of the {place}.",
    ]


def _rescue(rng: Random, scene: Scene) -> list[str]:
    hero, friend, thing, place = scene.hero.name, scene.friend.name, scene.thing, scene.place
    pleas = (f'"Please help me," said {friend}.', f'"I can not move," said {friend}.')
    return [
        f"One {scene.weather} evening {hero} heard {scene.friend.animal.sound} in the {place}.",
        f"It was {scene.friend.introduction}, who was stuck in the mud.",
        rng.choice(pleas),
        f"{hero} was small, but {hero} had a plan.",
        f"{hero} used a {thing} to pull, and at last {friend} was free.",
        f'"Thank you," said {friend}. "You are the best {scene.hero.animal.name} in the {place}."',
    ]


def _ending(rng: Random, scene: Scene) -> str:
    endings = (
        f"And {scene.hero.name} learned that {rng.choice(MORALS)}.",
        "The end.",
        f"From that day on they shared {scene.hero.animal.food}.",
    )
    return rng.choice(endings)
