import pytest

from tests.harness.lineparser import BadLineError, Point, parse


def test_a_line_with_all_that_may_be_escaped() -> None:
    line = r'a\,b\ c=d,k\=1=v\,\ \=,z="q" f\ x=-1.5e-3,i=7i,b=true,s="a, \"b\\" -12'
    fields = {"f x": -0.0015, "i": 7, "b": True, "s": 'a, "b\\'}
    assert parse(line) == Point(("a,b c=d", (("k=1", "v, ="), ("z", '"q"'))), fields, -12)


@pytest.mark.parametrize(
    "line",
    [
        "",
        "m",
        "m f=1",  # no time: the server's own would be taken
        "m,t= f=1 1",
        "m,t f=1 1",
        "m, f=1 1",
        "m f= 1",
        "m f=1, 1",
        "m f=NaN 1",
        "m f=inf 1",
        "m f=1e999 1",
        "m f=1u 1",
        "m f=x 1",
        'm f="x 1',
        "m f=1 1.5",
        "m f=1  1",
        "m  f=1 1",
        " m f=1 1",
        "m f=1 1 ",
        "#m f=1 1",
        "_m f=1 1",
        "m,t=a,t=b f=1 1",
        "m f=1,f=2 1",
        "m,time=a f=1 1",
        "m a\\b=1 1",
        "m f=1\r 1",
    ],
)
def test_what_is_not_strictly_line_protocol_is_refused(line: str) -> None:
    with pytest.raises(BadLineError):
        parse(line)
