"""The ways a VM test ends other than well."""


class Skip(Exception):
    """This machine cannot run the case; the text says what it lacks."""


class Failed(AssertionError):
    """The agent did not do what the case expects."""


class TimedOut(Failed):
    """Something with a time limit did not happen within it."""


class NoGuest(Exception):
    """The guest itself is gone or never came up: no verdict on the agent."""
