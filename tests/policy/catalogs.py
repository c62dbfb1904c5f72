"""A small catalog of guards and actions to load policies against, and an inventory."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field

from remediator.durations import Duration
from remediator.policy.catalog import Catalog, Inventory
from remediator.policy.model import Approval
from remediator.policy.promql import PromQLSource
from remediator.settings import Settings


class Params(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)


class Cooldown(Params):
    for_: Duration = Field(alias="for")


class PromQLGuard(Params):
    query: PromQLSource
    hold: Duration | None = None


class TimeWindow(Params):
    days: str = "mon-fri"
    otherwise: Literal["block", "approval"] = "block"


class NotFiring(Params):
    alerts: tuple[str, ...] = ()


class Empty(Params):
    pass


class Probe(Params):
    service: Annotated[str, Inventory("services", lock="http")]
    path: str
    attempts: int = 1


class Request(Probe):
    method: Literal["GET", "POST"] = "GET"
    headers: dict[str, str] = {}


class Container(Params):
    container: Annotated[str, Inventory("docker", lock="docker")]


class Query(Params):
    query: PromQLSource


class Secret(Params):
    to: str
    back: str | None = None


class FlySecrets(Params):
    app: Annotated[str, Inventory("fly", lock="fly")]
    set: dict[str, Secret]


class Send(Params):
    channel: Annotated[str, Inventory("channels")]
    text: str


class Action:
    """Declares what the loader asks of an action."""

    params: ClassVar[type[BaseModel]] = Empty
    fact: ClassVar[str] = ""
    read_only: ClassVar[bool] = False
    reversible: ClassVar[bool] = False
    lasting: ClassVar[bool] = False
    tells: ClassVar[bool] = False

    def read_only_for(self, params: Any) -> bool:
        return self.read_only

    def reversible_for(self, params: Any) -> bool:
        return self.reversible

    def refuse(self, params: Any) -> str | None:
        return None


class HttpProbe(Action):
    params: ClassVar[type[BaseModel]] = Probe
    fact = "whether it answered as expected"
    read_only = True


class HttpRequest(Action):
    params: ClassVar[type[BaseModel]] = Request

    def read_only_for(self, params: Request) -> bool:
        return params.method == "GET"

    def refuse(self, params: Request) -> str | None:
        return None if params.path.startswith("/") else f"path {params.path} does not begin with /"


class DockerRestart(Action):
    params: ClassVar[type[BaseModel]] = Container


class DockerStop(Action):
    params: ClassVar[type[BaseModel]] = Container
    lasting = True


class PrometheusQuery(Action):
    params: ClassVar[type[BaseModel]] = Query
    fact = "the value"
    read_only = True


class FlySecretsAction(Action):
    params: ClassVar[type[BaseModel]] = FlySecrets
    reversible = True
    lasting = True

    def reversible_for(self, params: FlySecrets) -> bool:
        return all(secret.back is not None for secret in params.set.values())


class NotifySend(Action):
    params: ClassVar[type[BaseModel]] = Send
    tells = True


class ReadOnlyWithoutFact(Action):
    params: ClassVar[type[BaseModel]] = Empty
    read_only = True


CATALOG = Catalog(
    guards={
        "cooldown": Cooldown,
        "promql": PromQLGuard,
        "time_window": TimeWindow,
        "not_firing": NotFiring,
        "approval": Approval,
        "loop": Empty,
    },
    actions={
        "http.probe": HttpProbe(),
        "http.request": HttpRequest(),
        "docker.restart": DockerRestart(),
        "docker.stop": DockerStop(),
        "prometheus.query": PrometheusQuery(),
        "fly.secrets": FlySecretsAction(),
        "notify.send": NotifySend(),
        "report.write": ReadOnlyWithoutFact(),
    },
)

INVENTORY: dict[str, Any] = {
    "prometheus": {"url": "http://127.0.0.1:9090"},
    "services": {"agente": {"url": "http://127.0.0.1:8000"}, "qloapps": {"url": "http://127.0.0.1:8100"}},
    "docker": {"containers": ["qloapps", "mysql"]},
    "fly": {"apps": {"hotel": {}}},
    "channels": {"incidents": ["env:INCIDENTS_URL"]},
    "contacts": {"pms-lead": {"channel": "incidents"}},
}


def inventory(**changes: Any) -> Settings:
    return Settings(**{**INVENTORY, **changes})
