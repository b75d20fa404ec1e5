"""What the Slack side needs from the environment."""

from __future__ import annotations

from pathlib import Path
from typing import Literal, Self

from pydantic import Field, SecretStr, field_validator, model_validator

from jobs.settings import JobSettings, SettingsError, guarded_url, load

__all__ = ["Settings", "SettingsError", "load_settings"]

Mode = Literal["socket", "http"]

_NO_MODE = (
    "SLACK_APP_TOKEN or SLACK_SIGNING_SECRET: neither is set. For Socket Mode (no public address needed) set "
    "SLACK_APP_TOKEN to an app-level token with connections:write (Basic Information > App-Level Tokens); "
    "for HTTP set SLACK_SIGNING_SECRET (Basic Information > App Credentials) and PORT."
)


class Settings(JobSettings):
    """Environment of the bot. Socket Mode when there is an app token, HTTP otherwise."""

    bot_token: SecretStr = Field(
        validation_alias="SLACK_BOT_TOKEN",
        description="Set it to the app's Bot User OAuth Token, xoxb-… (OAuth & Permissions).",
    )
    app_token: SecretStr | None = Field(
        default=None,
        validation_alias="SLACK_APP_TOKEN",
        description="Set it to an app-level token, xapp-…, with connections:write "
        "(Basic Information > App-Level Tokens).",
    )
    signing_secret: SecretStr | None = Field(
        default=None,
        validation_alias="SLACK_SIGNING_SECRET",
        description="Set it to the app's Signing Secret (Basic Information > App Credentials).",
    )
    slack_api_url: str = Field(
        default="https://slack.com/api/",
        validation_alias="SLACK_API_URL",
        description="Leave it unset, except to talk to the sandbox.",
    )
    config_path: Path = Field(
        default=Path("ferrybot.yaml"),
        validation_alias="FERRYBOT_CONFIG",
        description="Set it to the path of ferrybot.yaml.",
    )
    public_url: str | None = Field(
        default=None,
        validation_alias="PUBLIC_URL",
        description="Set it to the https:// address at which people reach this process; "
        "without it there is no one-time password page.",
    )
    port: int = Field(
        default=3000,
        ge=1,
        le=65535,
        validation_alias="PORT",
        description="Set it to the port to listen on, 1 to 65535.",
    )

    @property
    def mode(self) -> Mode:
        """How Slack reaches us."""
        return "socket" if self.app_token else "http"

    @field_validator("bot_token")
    @classmethod
    def _bot_token(cls, value: SecretStr) -> SecretStr:
        return _begins(value, "xoxb-")

    @field_validator("app_token")
    @classmethod
    def _app_token(cls, value: SecretStr | None) -> SecretStr | None:
        return value and _begins(value, "xapp-")

    @field_validator("signing_secret")
    @classmethod
    def _signing_secret(cls, value: SecretStr | None) -> SecretStr | None:
        # An HMAC with an empty key would verify for anybody.
        if value is not None and not value.get_secret_value().strip():
            raise ValueError("is blank")
        return value

    @field_validator("slack_api_url")
    @classmethod
    def _api_url(cls, value: str) -> str:
        return guarded_url(value) + "/"  # slack_sdk appends the method's name

    @field_validator("public_url")
    @classmethod
    def _public_url(cls, value: str | None) -> str | None:
        return value and guarded_url(value)

    @model_validator(mode="after")
    def _one_mode(self) -> Self:
        if not self.app_token and not self.signing_secret:
            raise ValueError(_NO_MODE)
        return self


def _begins(value: SecretStr, prefix: str) -> SecretStr:
    if not value.get_secret_value().startswith(prefix):
        raise ValueError(f"does not begin with {prefix}")
    return value


def load_settings() -> Settings:
    """The bot's settings from the environment; raises `SettingsError` that names everything wrong at once."""
    return load(Settings)
