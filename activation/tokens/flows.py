"""The flows by which a tool gives access tokens, and the settings of a connection that each needs.

A destination declares them as its ``sign_in``. Sources: RFC 6749 for refresh tokens and client
credentials, RFC 7523 for signed assertions.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

# The setting of a token that an operator pastes.
TOKEN = "token"  # noqa: S105  the name of a setting
# Settings that any flow may have: other addresses of the token server than the tool's own.
ADDRESSES = ("token_url", "audience")


@dataclass(frozen=True)
class TokenFlow:
    """One way to a token. settings: what a connection must name for it. optional: what it may."""

    name: str
    settings: tuple[str, ...]
    optional: tuple[str, ...] = ()


PASTED = TokenFlow("a pasted token", (TOKEN,))
REFRESH_TOKEN = TokenFlow("refresh token", ("client_id", "client_secret", "refresh_token"))
# Of an application that has no secret, or that need not send it.
PUBLIC_REFRESH_TOKEN = TokenFlow(
    "refresh token", ("client_id", "refresh_token"), ("client_secret",)
)
CLIENT_CREDENTIALS = TokenFlow("client credentials", ("client_id", "client_secret"))
JWT_BEARER = TokenFlow("JWT bearer", ("client_id", "username", "private_key"))
SERVICE_ACCOUNT = TokenFlow("service account", ("service_account",))


@dataclass(frozen=True)
class SignIn:
    """How a tool gives tokens.

    flows: the first counts whose settings the connection names all. token_url: address of the token
    server; ``{url}`` is the connection's. scope: what is asked for. audience: of assertions; '' for
    the token server's address. lifetime: seconds for which a token counts whose answer states none.
    named_by: settings that each flow but a pasted token needs too, as nothing else names the
    account.
    """

    flows: tuple[TokenFlow, ...]
    token_url: str
    scope: str = ""
    audience: str = ""
    lifetime: float = 3600.0
    named_by: tuple[str, ...] = ()

    @property
    def settings(self) -> tuple[str, ...]:
        """Every setting that one of the flows knows."""
        known = [name for flow in self.flows for name in (*flow.settings, *flow.optional)]
        return tuple(dict.fromkeys([*known, *ADDRESSES]))

    def chosen(self, named: Collection[str]) -> TokenFlow:
        """The flow of a connection that names these settings; the one that lacks the fewest where
        it names too few for any.
        """
        return min(self.flows, key=lambda flow: (len(_lacking(flow, named)), -_having(flow, named)))

    def needed(self, named: Collection[str]) -> tuple[str, ...]:
        """Settings without which the chosen flow cannot be taken."""
        flow = self.chosen(named)
        return flow.settings if flow is PASTED else (*flow.settings, *self.named_by)

    def address(self, values: Mapping[str, str]) -> str:
        """The address of the token server."""
        return values.get("token_url") or self.token_url.format(url=values.get("url", ""))

    def audience_of(self, values: Mapping[str, str]) -> str:
        """For which server an assertion is made."""
        return values.get("audience") or self.audience or self.address(values)


def needed(
    settings: tuple[str, ...], sign_in: SignIn | None, named: Collection[str]
) -> tuple[str, ...]:
    """The settings that a connection which names these must have a value for.

    settings: what the destination declares; a pasted token among them is not needed where the
    connection has another flow.
    """
    if sign_in is None:
        return settings
    others = [name for name in settings if name != TOKEN]
    return tuple(dict.fromkeys([*others, *sign_in.needed(named)]))


def _lacking(flow: TokenFlow, named: Collection[str]) -> list[str]:
    return [name for name in flow.settings if name not in named]


def _having(flow: TokenFlow, named: Collection[str]) -> int:
    """How many settings are there: the more a connection states, the more it means the flow. A
    pasted token that is there is meant as it is.
    """
    if flow is PASTED and TOKEN in named:
        return len(flow.settings) + 100
    return sum(name in named for name in (*flow.settings, *flow.optional))
