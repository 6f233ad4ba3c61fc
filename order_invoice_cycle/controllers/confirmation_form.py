"""What a customer typed into a form of the page, and what is wrong with it."""

from typing import NamedTuple

from ..tools.mail import clean_header, clean_text

NAME_LENGTHS = (2, 100)
TEXT_LIMIT = 2000
CODE_LIMIT = 20
# Larger than any honest answer, smaller than anything that could hurt.
FORM_LIMIT = 64 * 1024


class Problem(NamedTuple):
    """Why an answer cannot be taken: which field, and one sentence."""

    field: str
    text: str


class Answer(NamedTuple):
    """What a customer typed into one of the forms, cleaned."""

    action: str
    terms_hash: str = ""
    name: str = ""
    text: str = ""
    is_authorised: bool = False
    is_robot: bool = False
    nonce: str = ""
    code: str = ""

    @classmethod
    def from_form(cls, action, form):
        """Read a submitted form, whatever types and characters it holds."""
        return cls(
            action=action,
            terms_hash=_get_text(form, "terms_hash"),
            name=clean_header(_get_text(form, "name"), limit=FORM_LIMIT),
            text=clean_text(_get_text(form, "text"), limit=FORM_LIMIT),
            is_authorised=bool(_get_text(form, "authorised")),
            is_robot=bool(_get_text(form, "website")),
            nonce=_get_text(form, "nonce"),
            code=clean_header(_get_text(form, "code"), limit=CODE_LIMIT),
        )

    def get_problem(self, env, seconds, min_seconds):
        """Return what is missing or wrong, None when the answer can be taken.

        :param env: environment, for the language of the sentence
        :param seconds: time since the form was rendered, None if it was not by us
        :param min_seconds: time that a person needs at least
        """
        problem = self.get_content_problem(env)
        if not problem and (seconds is None or seconds < min_seconds):
            problem = self.get_form_problem(env)
        return problem

    def get_content_problem(self, env):
        """Return what is wrong with what was typed, None when nothing is.

        :param env: environment, for the language of the sentence
        """
        if self.is_robot:
            return Problem("website", env._("Please leave the field “Website” empty."))
        if self.action == "code":
            return None
        return self._get_name_problem(env) or (
            self._get_tick_problem(env)
            if self.action == "accept"
            else self._get_text_problem(env)
        )

    def get_form_problem(self, env):
        """Return what is wrong with a form that this page cannot have sent just so."""
        return Problem(
            "form",
            env._(
                "The form was sent twice, very fast, or from an older page. Please "
                "check what you typed and send it again."
            ),
        )

    def _get_name_problem(self, env):
        shortest, longest = NAME_LENGTHS
        has_letter = any(character.isalpha() for character in self.name)
        if not has_letter or not shortest <= len(self.name) <= longest:
            return Problem(
                "name",
                env._(
                    "Please give your name, with %(shortest)s to %(longest)s "
                    "characters.",
                    shortest=shortest,
                    longest=longest,
                ),
            )
        if set(self.name) & set("<>"):
            return Problem(
                "name", env._("Please give your name without the characters < and >.")
            )
        return None

    def _get_tick_problem(self, env):
        if self.is_authorised:
            return None
        return Problem(
            "authorised", env._("Please tick the box above the button, then confirm.")
        )

    def _get_text_problem(self, env):
        if not self.text and self.action != "refuse":
            return Problem(
                "text",
                env._("Please write what should be changed.")
                if self.action == "comment"
                else env._("Please give the reason why you decline."),
            )
        if len(self.text) > TEXT_LIMIT:
            return Problem(
                "text",
                env._(
                    "Please shorten your text to %(most)s characters; it has "
                    "%(count)s.",
                    most=TEXT_LIMIT,
                    count=len(self.text),
                ),
            )
        return None


def get_code_problem(env, result):
    """Return what is wrong with a code, or with asking for one; None when nothing is.

    :param env: environment, for the language of the sentence
    :param result: what the confirmation said, see ``cycle.confirmation._confirm`` and
        ``_ask_for_code``
    """
    texts = {
        "code_missing": lambda: env._("Please enter the code from our e-mail."),
        "code_wrong": lambda: env._(
            "This is not the code in our latest e-mail. Please check it and try again."
        ),
        "code_void": lambda: env._(
            "This code is no longer valid: it is too old, or was entered wrong too "
            "often. Please ask for a new one."
        ),
        "code_too_soon": lambda: env._(
            "A code is on its way. Please wait a minute before you ask for another."
        ),
        "code_too_many": lambda: env._(
            "No more codes can be sent for this link. Please contact us, and we send "
            "you a new one."
        ),
    }
    return Problem("code", texts[result]()) if result in texts else None


def _get_text(form, key):
    """Return a field of a form as text; anything else than text is empty."""
    value = form.get(key)
    return value if isinstance(value, str) else ""
