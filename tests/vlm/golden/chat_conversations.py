"""Conversations that chat templates are tried with: with pictures as parts of a list, and as plain texts."""


def part(text):
    return {"type": "text", "text": text}


IMAGE = {"type": "image"}


def user(*content):
    return {"role": "user", "content": content[0] if isinstance(content[0], str) else list(content)}


def assistant(text, as_list=False):
    return {"role": "assistant", "content": [part(text)] if as_list else text}


def system(text, as_list=False):
    return {"role": "system", "content": [part(text)] if as_list else text}


CONVERSATIONS = {
    "one": [user("What is this?")],
    "answered": [user(" Compare: a < b & 'c'. \n"), assistant("\n Yes.\n")],
    "system": [system("Be brief."), user("Hi 你好 😀"), assistant("No \"quotes\"."), user("And é?")],
    "long": [user("1"), assistant("2"), user("3"), assistant("<think>\nsecret\n</think>\n\n4"), user("5"), assistant("6")],
    "empty": [user("q"), assistant(""), user("")],
    "order": [assistant("I begin."), user("Then I.")],
    "twice": [user("a"), user("b")],
    "nothing": [],
    "list": [user(IMAGE, part("What is this?")), assistant("A cat.", True), user(part("Sure?"))],
    "list_system": [system("Be brief.", True), user(part("Left: "), IMAGE, IMAGE, part("same?")), assistant("No.", True)],
    "list_mixed": [user(IMAGE), assistant("ok"), user(part(" x "), part("y"))],
}
