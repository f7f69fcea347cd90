"""What the advice says, page by page, in plain words. Pure; made for readers of about twelve.

Every claim in it comes from pages of police forces, the National Crime Agency, NCMEC and national services, or is about
camguard itself. Nothing is to be added that such a page does not say.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from camguard.advice.language import Translate


class Topic(StrEnum):
    """The pages; the first one asks which of the next two is the right one."""

    START = "start"
    EMAIL = "email"
    CONTACT = "contact"
    REPORT = "report"
    PREVENT = "prevent"
    SAFE = "safe"


CASES = (Topic.EMAIL, Topic.CONTACT)
"""The two cases that have to be told apart first."""


class Kind(StrEnum):
    """What a part of a page is."""

    TEXT = "text"  # paragraphs
    YOUNG = "young"  # paragraphs for those under 18
    STEPS = "steps"  # in their order
    POINTS = "points"  # in any order
    COMMANDS = "commands"  # to be typed in a terminal


@dataclass(frozen=True, slots=True)
class Part:
    """Some sentences that belong together, under a heading where they have one."""

    kind: Kind
    said: tuple[str, ...]
    heading: str = ""


@dataclass(frozen=True, slots=True)
class Page:
    """One topic; `offer` is how another page points to it.

    `after` is what follows once it has pointed to other pages itself. `places`: below it stands where to report.
    """

    topic: Topic
    title: str
    offer: str
    parts: tuple[Part, ...]
    places: bool = False
    after: tuple[Part, ...] = ()


def pages(_: Translate) -> dict[Topic, Page]:
    """All pages in the language of `_`, in the order in which they are read."""
    made = (_start(_), _email(_), _contact(_), _report(_), _prevent(_), _safe(_))
    return {page.topic: page for page in made}


def _start(_: Translate) -> Page:
    return Page(
        Topic.START,
        _("Does someone threaten you with pictures?"),
        _("Back to the first question"),
        (
            Part(
                Kind.TEXT,
                (
                    _("Stay calm. Take your time. It is not your fault, and you can do something about it."),
                    _("Do not pay. If you pay, they will ask for more."),
                ),
            ),
            Part(Kind.TEXT, (), _("Which of these two is it?")),
        ),
        after=(
            Part(
                Kind.YOUNG,
                (
                    _("It is right to ask for help. The police keep what you tell them private."),
                    _("Never save a sexual picture of anyone under 18. Never take a screenshot of one."),
                    _("You can ask someone you trust to read this with you."),
                ),
                _("Are you under 18?"),
            ),
        ),
    )


def _email(_: Translate) -> Page:
    return Page(
        Topic.EMAIL,
        _("An e-mail says that it has filmed you"),
        _("An e-mail from someone I do not know"),
        (
            Part(
                Kind.TEXT,
                (
                    _("Some mails like this go out to a great many people at once. They bluff."),
                    _("It may show a password of yours, to scare you."),
                ),
            ),
            Part(
                Kind.STEPS,
                (
                    _("Do not panic, and do not pay."),
                    _("Do not write back."),
                    _("Does the mail show a password that you use? Change it, in every place where you use it."),
                    _("Forward the mail to those who collect such mails, if there is an address for it below."),
                    _("Does the sender know you, or write to you in a chat? Then read the other case."),
                ),
                _("What to do"),
            ),
            Part(
                Kind.TEXT,
                (
                    _("Was your camera on? Your log can tell you. It knows only the times when camguard was watching."),
                    _("Does the mail say when? Type that time in a terminal, like in the first line below."),
                    _("The second line shows each use of the last 30 days."),
                ),
                _("Look at the log"),
            ),
            Part(Kind.COMMANDS, ('camguard was-on "last Friday 9pm"', "camguard log --since 30d")),
        ),
        places=True,
    )


def _contact(_: Translate) -> Page:
    return Page(
        Topic.CONTACT,
        _("A person threatens you"),
        _("A person I have been in touch with"),
        (
            Part(
                Kind.YOUNG,
                (
                    _("It is not your fault. The police keep what you tell them private."),
                    _("Never save a sexual picture of anyone under 18. Never take a screenshot of one."),
                    _("This is also true for pictures of you. Keep the words and the names instead."),
                ),
                _("Are you under 18?"),
            ),
            Part(
                Kind.STEPS,
                (
                    _("Do not panic. You can get help."),
                    _("Do not pay. If you pay, they will ask for more."),
                    _("Stop all contact. Do not answer any more."),
                    _("Keep what you have. You can use the list below."),
                    _('Switch your account off for now ("deactivate"), but do not delete it.'),
                    _("Report it to the app or the site where it happened."),
                    _("Report it to the police."),
                ),
                _("What to do"),
            ),
            Part(
                Kind.POINTS,
                (
                    _("screenshots of the threats"),
                    _("their user names and ids"),
                    _("links to their pages and to the chat"),
                    _("how and where you should pay"),
                    _("the days and times"),
                ),
                _("What to keep"),
            ),
            Part(
                Kind.TEXT,
                (
                    _("If you delete your account, what is in it may be lost. If you switch it off, it is kept."),
                    _("Your log can show when a program used the camera. This makes a file of it for the police:"),
                ),
                _("Why it helps"),
            ),
            Part(Kind.COMMANDS, ("camguard log export evidence.zip --since 30d",)),
            Part(
                Kind.TEXT,
                (
                    _("Some firms say they can get your pictures back for money. They can be a trick too."),
                    _("We name none of them here."),
                ),
                _("Be careful with paid help"),
            ),
        ),
        places=True,
    )


def _report(_: Translate) -> Page:
    return Page(
        Topic.REPORT,
        _("Where to report it"),
        _("Where to report it"),
        (
            Part(
                Kind.TEXT,
                (
                    _("Are you in danger right now? Call the emergency number of your country."),
                    _("You can go to the police where you live. They keep what you tell them private."),
                    _("Also report it to the app or the site where it happened."),
                ),
            ),
        ),
        places=True,
    )


def _prevent(_: Translate) -> Page:
    return Page(
        Topic.PREVENT,
        _("Keep your camera safe"),
        _("How to keep the camera safe"),
        (
            Part(
                Kind.POINTS,
                (
                    _("Turn the camera on only when you want to. Keep it off when you do not need it."),
                    _("Cover the lens. A bad program can turn on a camera, and some can keep its light off."),
                    _("People you meet online are not always who they say they are."),
                    _("Take care when someone soon wants to move from a chat to a video app."),
                    _("Does a call feel wrong? End it. You owe nobody a reason."),
                    _("Think before you send a picture. What goes online can stay there."),
                ),
            ),
            Part(Kind.TEXT, (_("This turns the camera off, and then on again for half an hour:"),)),
            Part(Kind.COMMANDS, ("camguard off", "camguard on --for 30m")),
        ),
    )


def _safe(_: Translate) -> Page:
    return Page(
        Topic.SAFE,
        _("Who can see what you do here"),
        _("Who can see that I was here"),
        (
            Part(
                Kind.TEXT,
                (
                    _("camguard sends nothing to anyone. It does not write down that you read this."),
                    _("Your browser may keep this page in its list of pages. A terminal may keep what you type."),
                    _("In the browser a button and the Esc key close this page. They cannot change those lists."),
                    _("In the browser it is a file. Your account can open it, and so can a person in charge here."),
                    _("Do you need to hide this? Then clear those lists, or use another computer."),
                ),
                _("This page"),
            ),
            Part(
                Kind.TEXT,
                (
                    _("The log says which program used the camera, and when. It has no pictures."),
                    _("A person who shares this computer can read it, if they use your account."),
                    _("A person in charge of this computer can read the log of all who use it."),
                    _("To see what they can see, type one of these. The first is for your account:"),
                ),
                _("The log of the camera"),
            ),
            Part(Kind.COMMANDS, ("camguard log", "sudo camguard log")),
        ),
    )


@dataclass(frozen=True, slots=True)
class Labels:
    """The short words around the pages."""

    exit: str
    exit_hint: str
    contents: str
    cases: str
    choose: str
    another: str
    everywhere: str
    unlisted: str
    unlinked: str
    secondary: str
    checked: str
    sources: str
    nothing_sent: str
    more: str
    ask: str
    written: str
    opened: str


def labels(_: Translate) -> Labels:
    """All of them in the language of `_`; what is in braces is filled in by whoever shows them."""
    return Labels(
        exit=_("Leave this page"),
        exit_hint=_("or press Esc"),
        contents=_("On this page"),
        cases=_("The two cases"),
        choose=_("Choose your country:"),
        another=_("For another country add --country and one of these: {codes}."),
        everywhere=_("Help with sexual pictures of you, in any country"),
        unlisted=_("We have no list for this country ({code}) yet. Go to the police where you live."),
        unlinked=_("Where there is no link or number, look for it by its name."),
        secondary=_("We have this list from other pages, not from those who help. Check it before you rely on it."),
        checked=_("Last checked: {date}."),
        sources=_("Sources: {sources}."),
        nothing_sent=_("This page is only on your computer. It fetches nothing and sends nothing."),
        more=_("You can also read:"),
        ask=_("Type 1 or 2, or press Enter to stop"),
        written=_("The page is in the file {path}."),
        opened=_("The page is open in your browser. Its file is {path}; delete it when you are done."),
    )
