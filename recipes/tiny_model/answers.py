# ruff: noqa: RUF001 - Chinese text has full-width punctuation
"""What the model is taught to answer: facts, explanations, small talk, and refusals.

As in `words`, everything was written for this recipe, and the order of the entries is part of it.
"""

CAPITALS = {
    "France": "Paris",
    "Spain": "Madrid",
    "Italy": "Rome",
    "Germany": "Berlin",
    "Japan": "Tokyo",
    "China": "Beijing",
    "Egypt": "Cairo",
    "Canada": "Ottawa",
    "Peru": "Lima",
    "Norway": "Oslo",
    "Greece": "Athens",
    "Kenya": "Nairobi",
    "India": "New Delhi",
    "Poland": "Warsaw",
    "Cuba": "Havana",
    "Chile": "Santiago",
    "Ireland": "Dublin",
    "Austria": "Vienna",
    "Portugal": "Lisbon",
    "Sweden": "Stockholm",
}
COLORS = {
    "the sky": "blue",
    "grass": "green",
    "snow": "white",
    "coal": "black",
    "a banana": "yellow",
    "blood": "red",
    "an orange": "orange",
    "a lemon": "yellow",
    "the sea": "blue",
    "a cloud": "white",
}
NUMBERS = (
    *("zero", "one", "two", "three", "four", "five", "six"),
    *("seven", "eight", "nine", "ten", "eleven", "twelve"),
)
DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
MONTHS = (
    *("January", "February", "March", "April", "May", "June"),
    *("July", "August", "September", "October", "November", "December"),
)

EXPLANATIONS = {
    "What is a token?": (
        "A token is a small piece of text. A model reads tokens and writes tokens, one after another. "
        "A short word is often one token, and a long word is cut into several."
    ),
    "What is streaming?": (
        "Streaming means that each piece of the answer is sent as soon as it is ready. "
        "You can read the first words while the model is still writing the last ones."
    ),
    "What is gRPC?": (
        "gRPC is a way for programs to call each other over the network. A client calls a method, "
        "and the server can answer with one message or with a long stream of messages."
    ),
    "What is back pressure?": (
        "Back pressure means that a slow reader can slow down a fast writer. "
        "When the reader falls behind, the writer waits, so the memory stays small."
    ),
    "What is batching?": (
        "Batching means that many requests share one step of the model. "
        "The model does the same work for all of them at once, so the machine serves more people."
    ),
    "What is a gateway?": (
        "A gateway stands between the clients and the workers. "
        "It checks each request, picks a worker, and passes the stream back to the client."
    ),
    "What is a worker?": (
        "A worker is a program that runs the model. "
        "It takes a request, makes tokens one by one, and sends them back until it is done."
    ),
    "What is latency?": (
        "Latency is the time you wait. "
        "For a model, the wait for the first token matters most, and after that the time between two tokens."
    ),
    "What is a model?": (
        "A model is a set of numbers that has learned a pattern. "
        "This one has about one million numbers and it learned from a small made-up language."
    ),
}
CHINESE_EXPLANATIONS = {
    "什么是流式输出？": "流式输出就是边写边发。模型写出一个词，就马上把它发给你，你不用等到全部写完。",
    "什么是词元？": "词元是一小段文字。模型一次读写一个词元，一个接着一个。",
    "什么是网关？": "网关站在客户和服务之间。它检查每个请求，选一个工作者，再把结果送回来。",
}

SYSTEM_PROMPTS = (
    "You are a helpful assistant.",
    "You are a tiny storyteller.",
    "Answer in short sentences.",
)
WHO_I_AM = (
    "I am a tiny language model with about one million parameters. I was trained on a small made-up "
    "language, so I know little stories, animals, numbers and a few facts.",
    "I am a very small model that runs inside the worker. I am here so that you can see real tokens stream "
    "without a download. For real work, please plug in a larger model.",
)
WHAT_I_CAN_DO = (
    "I can tell a little story, count, name capital cities, and talk about animals. Try: tell me a story about a fox.",
    "I know short stories, animals, colors, numbers, days, months and capital cities. Try: count from three to nine.",
)
REFUSALS = (
    "I am only a tiny model, so I do not know that. Ask me for a story about an animal, or ask me to count.",
    "That is too hard for a model of my size. I can tell you a story, count, or name the capital of a country.",
    "Sorry, I have not learned that. Try: tell me a story about an owl.",
)
TOO_HARD = (
    *("write python code", "explain quantum physics", "who won the game", "what is the meaning of life"),
    *("solve this equation", "translate this sentence", "how do I cook rice", "what time is it"),
    *("what is my name", "tell me the news", "fix my bug", "who is the president", "how old is the sun"),
    *("book a flight", "write an email to my boss", "what is love", "sing a song", "play music"),
    *("buy some shoes", "how tall is the tower", "what is the stock price", "draw a picture"),
    *("summarize this document", "give me a recipe", "why is the moon round", "how does a car work"),
    *("what should I wear", "make a plan", "define justice", "review my essay"),
)
