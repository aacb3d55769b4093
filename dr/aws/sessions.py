"""Whose credentials: given ones, those that boto3 finds by itself, or a role's, renewed before they expire."""

import os
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

import boto3
import botocore.session
from botocore.credentials import CredentialProvider, CredentialResolver, DeferredRefreshableCredentials
from botocore.loaders import Loader, create_loader

from dr.aws.codes import expired
from dr.connection import Connection
from dr.errors import Refused

_RENEWED = "firedrill-renewed"


def callers_own(connection: Connection, environment: Mapping[str, str]) -> boto3.Session:
    """The environment's key pair, else the connection file's, else whatever boto3 finds.

    Raises Refused for half a key pair, and where the connection file names endpoints but nobody gave credentials for
    them: looking further would mean asking the real AWS.
    """
    key, secret = environment.get("AWS_ACCESS_KEY_ID"), environment.get("AWS_SECRET_ACCESS_KEY")
    if bool(key) != bool(secret):
        set_, unset = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")[:: 1 if key else -1]
        raise Refused(f"{set_} is set, but {unset} is not", hint="set both, or neither")
    if key and secret:
        return _given(connection, key, secret, environment.get("AWS_SESSION_TOKEN"))
    if connection.credentials:
        return _given(connection, connection.credentials.access_key_id, connection.credentials.secret_access_key, None)
    if connection.endpoints:
        raise Refused(
            "the connection file names endpoints, but no credentials for them",
            hint="`dr lab up` writes both; or set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY",
        )
    session = botocore.session.get_session()
    session.set_config_variable("profile", environment.get("AWS_PROFILE"))
    return _made(session)


def assumed(arn: str, name: str, sts: Callable[[], Any]) -> boto3.Session:
    """A role's credentials, fetched at first use and again before they run out: drills outlast an hour."""

    def fetch() -> dict[str, str]:
        given = sts().assume_role(RoleArn=arn, RoleSessionName=name)["Credentials"]
        return {
            "access_key": given["AccessKeyId"],
            "secret_key": given["SecretAccessKey"],
            "token": given["SessionToken"],
            "expiry_time": given["Expiration"].isoformat(),
        }

    session = botocore.session.get_session()
    session.register_component("credential_provider", CredentialResolver([_Renewed(fetch)]))
    return _made(session)


def _given(connection: Connection, key: str, secret: str, token: str | None) -> boto3.Session:
    session = botocore.session.get_session()
    if connection.endpoints:
        # Nothing in the user's own AWS configuration concerns these endpoints, not even a mistake in it.
        nothing = (None, None, os.devnull, None)
        variables = {"profile": (None, None, None, None), "config_file": nothing, "credentials_file": nothing}
        session = botocore.session.Session(session_vars=variables)
    session.set_credentials(key, secret, token)
    return _made(session)


def _made(session: botocore.session.Session) -> boto3.Session:
    models = _models(session.get_config_variable("data_path"))
    session.register_component("data_loader", models)
    made = boto3.Session(botocore_session=session)
    # Each session of boto3 adds its own folder to the end of what they share.
    models.search_paths[:] = dict.fromkeys(models.search_paths)
    return made


@cache
def _models(data_path: str | None) -> Loader:
    """Each session would look for and read the services' models anew, and each role in each region has one."""
    return create_loader(data_path)


def hang_into(events: Any, session: boto3.Session) -> None:
    """Have a role's credentials renewed, and the call sent again, when AWS says that they have expired.

    AWS may know of an end that they do not speak of themselves: sessions are revoked, and clocks differ. Whose the new
    ones are is looked at before the call leaves, as it is before each.
    """

    def heard(response: Any, request_dict: dict[str, Any], **_: Any) -> float | None:
        error = response[1].get("Error", {}) if response else {}
        context = request_dict["context"]
        if not expired(str(error.get("Code"))) or context.get(_RENEWED):
            return None
        credentials = session.get_credentials()
        if not isinstance(credentials, _Credentials):
            return None
        # Once for each call: where the new ones have expired as well, something else is wrong.
        context[_RENEWED] = True
        credentials.expire()
        return 0.0

    events.register_first("needs-retry.*.*", heard)


class _Credentials(DeferredRefreshableCredentials):
    """A role's credentials, which can be told that they have expired."""

    def __init__(self, fetch: Callable[[], dict[str, str]], method: str) -> None:
        self._expired = False

        def renewed() -> dict[str, str]:
            fetched = fetch()
            self._expired = False
            return fetched

        super().__init__(refresh_using=renewed, method=method)

    def expire(self) -> None:
        """From now on, whoever asks for them gets others."""
        self._expired = True

    def refresh_needed(self, refresh_in: int | None = None) -> bool:
        return self._expired or bool(super().refresh_needed(refresh_in))


class _Renewed(CredentialProvider):
    """Hands a session credentials that know how to fetch themselves."""

    METHOD = "firedrill-assume-role"

    def __init__(self, fetch: Callable[[], dict[str, str]]) -> None:
        super().__init__()
        self._fetch = fetch

    def load(self) -> DeferredRefreshableCredentials:
        return _Credentials(self._fetch, self.METHOD)
