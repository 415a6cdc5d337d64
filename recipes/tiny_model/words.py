"""The words that stories are told with, and the two rules of English they need.

All of them were written for this recipe; nothing comes from a data set. The order of the entries matters: a
seeded draw picks by position, so an entry added in the middle changes every text drawn after it.
"""

from typing import NamedTuple


class Animal(NamedTuple):
    """An animal, as the phrases that sentences about it are built from."""

    name: str
    emoji: str
    chinese: str
    home: str  # after "lives"
    food: str  # after "eats"
    sound: str  # after "makes"
    young: str  # after "is called"


ANIMALS = (
    Animal("fox", "🦊", "狐狸", "in a den in the woods", "berries and mice", "a short bark", "a kit"),
    Animal(
        "rabbit",
        "🐰",
        "兔子",
        "in a burrow under the grass",
        "clover and carrots",
        "almost no sound",
        "a kit",
    ),
    Animal("bear", "🐻", "熊", "in a cave", "honey and fish", "a deep growl", "a cub"),
    Animal("cat", "🐱", "猫", "in a warm house", "fish and milk", "a soft meow", "a kitten"),
    Animal("dog", "🐶", "狗", "in a house with people", "meat and bones", "a happy woof", "a puppy"),
    Animal("owl", "🦉", "猫头鹰", "in a hollow tree", "mice and moths", "a long hoot", "an owlet"),
    Animal("frog", "🐸", "青蛙", "beside the pond", "flies and worms", "a loud croak", "a tadpole"),
    Animal("duck", "🦆", "鸭子", "on the lake", "weeds and seeds", "a quack", "a duckling"),
    Animal("mouse", "🐭", "老鼠", "in a hole in the wall", "cheese and seeds", "a tiny squeak", "a pup"),
    Animal("horse", "🐴", "马", "in a stable", "hay and apples", "a neigh", "a foal"),
    Animal("cow", "🐮", "牛", "on the farm", "grass and hay", "a long moo", "a calf"),
    Animal("pig", "🐷", "猪", "in a sty", "corn and roots", "an oink", "a piglet"),
    Animal("lion", "🦁", "狮子", "on the plain", "meat", "a great roar", "a cub"),
    Animal("tiger", "🐯", "老虎", "in the jungle", "meat", "a roar", "a cub"),
    Animal("monkey", "🐵", "猴子", "in the tall trees", "bananas and nuts", "a chatter", "an infant"),
    Animal("elephant", "🐘", "大象", "near the river", "leaves and bark", "a trumpet call", "a calf"),
    Animal("penguin", "🐧", "企鹅", "on the ice", "fish and krill", "a squawk", "a chick"),
    Animal("turtle", "🐢", "乌龟", "on the sandy shore", "weeds and snails", "a quiet hiss", "a hatchling"),
    Animal("bee", "🐝", "蜜蜂", "in a hive", "nectar", "a buzz", "a larva"),
    Animal("whale", "🐳", "鲸鱼", "in the deep sea", "krill", "a slow song", "a calf"),
    Animal("wolf", "🐺", "狼", "in the dark forest", "meat", "a howl", "a pup"),
    Animal("sheep", "🐑", "羊", "on the green hill", "grass", "a baa", "a lamb"),
    Animal("hen", "🐔", "母鸡", "in the coop", "corn", "a cluck", "a chick"),
    Animal("snail", "🐌", "蜗牛", "under a leaf", "lettuce", "no sound at all", "a small snail"),
)

NAMES = (
    *("Tom", "Mia", "Leo", "Ana", "Max", "Ivy", "Sam", "Zoe"),
    *("Ben", "Lily", "Finn", "Ruby", "Otto", "Nora", "Kai", "Ella"),
)
TRAITS = (
    *("little", "brave", "shy", "clever", "curious", "kind"),
    *("lazy", "hungry", "old", "young", "quiet", "merry"),
)
WEATHER = ("sunny", "rainy", "windy", "snowy", "cold", "warm", "foggy")
PLACES = (
    *("forest", "meadow", "village", "garden", "valley"),
    *("hill", "beach", "lake", "mountain", "farm"),
)
THINGS = (
    *("red ball", "silver key", "blue hat", "golden ring", "warm scarf"),
    *("wooden boat", "paper kite", "small drum", "round stone", "bright lamp"),
)
HIDING_PLACES = ("a leaf", "a stone", "an old tree", "the bridge")
MORALS = (
    "a good friend is worth more than gold",
    "small steps can take you far",
    "it is fine to ask for help",
    "sharing makes the day brighter",
    "being brave does not mean being loud",
    "patience is a quiet kind of strength",
    "kind words cost nothing",
)

CHINESE_NAMES = ("小明", "小红", "小白", "小花", "阿乐")
CHINESE_PLACES = ("森林里", "山上", "河边", "花园里", "村子里")
CHINESE_THINGS = ("红球", "帽子", "钥匙", "风筝", "石头")
CHINESE_ENDINGS = ("朋友比金子更珍贵。", "大家都很高兴。", "故事讲完了。")


def capitalized(text: str) -> str:
    """The text with a capital first letter and the rest as it was."""
    return text[0].upper() + text[1:]


def with_article(noun: str) -> str:
    """The noun behind "a" or "an"; going by its first letter is enough for the words above."""
    return f"{'an' if noun[0] in 'aeiou' else 'a'} {noun}"
