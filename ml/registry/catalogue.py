"""The models there are: one per file in ml/models/."""

from __future__ import annotations

from ml.spec import ForecastSpec, ModelSpec, PersonaSpec, Spec, UpliftSpec
from segmentry import discovery
from segmentry.errors import ConfigError, UsageError

PACKAGE = "ml.models"


def specs() -> dict[str, Spec]:
    """Every model by name; a file that does not fit is a ConfigError that names it."""
    found: dict[str, Spec] = {}
    for stem, module in discovery.modules(PACKAGE).items():
        spec = getattr(module, "MODEL", None)
        if not isinstance(spec, ModelSpec | ForecastSpec | PersonaSpec | UpliftSpec):
            raise ConfigError(
                f"ml/models/{stem}.py declares no model",
                allowed=(
                    "one ModelSpec, ForecastSpec, PersonaSpec or UpliftSpec called MODEL per file"
                ),
                remedy=(
                    "define MODEL, or begin the file's name with an underscore if it is a helper"
                ),
            )
        if spec.name != stem:
            raise ConfigError(
                f"ml/models/{stem}.py has the name '{spec.name}'",
                allowed=f"the file's own stem, '{stem}'",
                remedy="rename the file or change the name",
            )
        found[stem] = spec
    return found


def in_profiles() -> dict[str, bool]:
    """Models whose scores are columns of profiles; true where the most likely choice is one too."""
    return {name: spec.is_choice for name, spec in specs().items() if spec.has_score}


def spec_named(name: str) -> Spec:
    """The model of that name, or UsageError naming those there are."""
    found = specs()
    if name not in found:
        raise UsageError(
            f"there is no model '{name}'",
            allowed=", ".join(found),
            remedy="use one of these, or add ml/models/<name>.py",
        )
    return found[name]
