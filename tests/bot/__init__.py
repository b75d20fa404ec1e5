"""Tests of the bot. What they share asserts too, and its failures are to say as much as those of the tests."""

import pytest

pytest.register_assert_rewrite("tests.bot.nasty_lives", "tests.bot.post", "tests.bot.takes", "tests.bot.threatened")
