"""The client against a real Prometheus."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import aiohttp
import pytest

from remediator.clients.prometheus import PrometheusClient
from remediator.settings import Prometheus
from tests.real.metrics_target import MetricsTarget, metrics_target
from tests.real.prometheus import prometheus

pytestmark = pytest.mark.real

RULES = """
groups:
  - name: test
    rules:
      - {record: "level:high:bool", expr: "level > bool 5"}
      - {record: "level:high:bool", expr: "other_level > bool 5", labels: {unit: other}}
"""


@dataclass(frozen=True)
class Scraped:
    url: str
    target: MetricsTarget

    def show(self, value: float, at: datetime) -> None:
        """Let the target say when its sample is from, so that a test decides how old it is."""
        self.target.text = f'level{{path="a\\\\b\\"c"}} {value} {int(at.timestamp() * 1000)}\n'


@pytest.fixture(scope="module")
def scraped(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scraped]:
    with (
        metrics_target() as target,
        prometheus(
            tmp_path_factory.mktemp("prometheus"), targets=[target.address], interval="200ms", rules=RULES
        ) as real,
    ):
        yield Scraped(real.url, target)


@pytest.fixture
async def client(scraped: Scraped) -> AsyncIterator[PrometheusClient]:
    async with aiohttp.ClientSession() as session:
        yield PrometheusClient(session, Prometheus.model_validate({"url": scraped.url}))


async def eventually(holds: Callable[[], Awaitable[bool]]) -> None:
    """Wait for what Prometheus tells nobody when it happens."""
    async with asyncio.timeout(90):
        while not await holds():  # noqa: ASYNC110
            await asyncio.sleep(0.02)


async def test_a_number_a_condition_and_a_mistake(client: PrometheusClient) -> None:
    scalar = await client.query("scalar(vector(7))")
    assert (scalar.scalar, scalar.samples[0].value, scalar.holds) == (True, 7.0, True)
    assert not (await client.query("vector(7) > 8")).holds
    assert (await client.query("vector(0)")).holds
    assert "parse error" in ((await client.query("sum(")).error or "")
    assert "string" in ((await client.query('"x"')).error or "")
    assert "matrix" in ((await client.query("up[1m]")).error or "")


async def test_a_range(client: PrometheusClient) -> None:
    now = datetime.now(UTC)
    answer = await client.query_range("vector(3)", now - timedelta(seconds=30), now, timedelta(seconds=10))
    assert answer.error is None
    assert [value for _, value in answer.series[0].points] == [3.0] * 4
    mistake = await client.query_range("up ==", now, now, timedelta(seconds=10))
    assert "parse error" in str(mistake.error)


async def test_a_query_as_of_then(client: PrometheusClient) -> None:
    then = datetime(2026, 1, 5, 12, 0, tzinfo=UTC)
    answer = await client.query("time()", at=then)
    assert (answer.samples[0].value, answer.samples[0].at) == (then.timestamp(), then)


async def test_a_rule_evaluated_after_a_step_on_samples_from_before_it_proves_nothing(
    scraped: Scraped, client: PrometheusClient
) -> None:
    scraped.show(9, at=datetime.now(UTC) - timedelta(seconds=30))
    step_ended = datetime.now(UTC)

    async def rule_is_newer() -> bool:
        answer = await client.query("min(timestamp(level:high:bool))")
        return answer.holds and answer.samples[0].value > step_ended.timestamp()

    await eventually(rule_is_newer)
    condition = "level:high:bool == 1"
    assert (await client.query(condition)).holds
    assert not await client.scraped_after(condition, step_ended)
    assert not await client.scraped_after('level{path="a\\\\b\\"c"} > 5', step_ended)
    assert await client.scraped_after(condition, step_ended - timedelta(minutes=1))

    scraped.show(9, at=datetime.now(UTC))
    await eventually(lambda: client.scraped_after(condition, step_ended))


async def test_what_has_no_samples_is_not_old(client: PrometheusClient) -> None:
    assert await client.scraped_after("absent(never_heard_of)", datetime.now(UTC))
    assert await client.scraped_after("vector(1)", datetime.now(UTC))
