"""A bucket of its own in a real InfluxDB 2, when the environment names one."""

import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

NAMES = ("ZCF_TEST_INFLUX_URL", "ZCF_TEST_INFLUX_TOKEN", "ZCF_TEST_INFLUX_ORG")


@dataclass(frozen=True)
class Bucket:
    """Where to write and read."""

    url: str
    token: str
    org: str
    name: str


def missing() -> str:
    """Why there is no real InfluxDB 2 to test against; empty where there is one."""
    absent = [name for name in NAMES if not os.environ.get(name)]
    return f"no real InfluxDB 2: set {', '.join(absent)} to test against one" if absent else ""


@contextmanager
def influx2() -> Iterator[Bucket]:
    """A fresh bucket with its DBRP mapping, removed afterwards."""
    from influxdb_client import InfluxDBClient
    from influxdb_client.domain.dbrp_create import DBRPCreate
    from influxdb_client.service.dbr_ps_service import DBRPsService

    url, token, org = (os.environ[name] for name in NAMES)
    name = f"zcf-test-{uuid.uuid4().hex[:12]}"
    with InfluxDBClient(url, token, org=org) as client:
        bucket: Any = client.buckets_api().create_bucket(bucket_name=name, org=org)
        mapping = DBRPCreate(org=org, bucket_id=bucket.id, database=name, retention_policy="autogen", default=True)
        DBRPsService(client.api_client).post_dbrp(dbrp_create=mapping)
        try:
            yield Bucket(url, token, org, name)
        finally:
            client.buckets_api().delete_bucket(bucket)
