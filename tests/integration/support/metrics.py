"""Reading the Prometheus text format, strictly enough to notice when it is broken."""

import re

_SAMPLE = re.compile(r'([a-zA-Z_:][a-zA-Z0-9_:]*)(\{((?:[^"}]|"(?:[^"\\]|\\.)*")*)\})? (NaN|[-+]?Inf|[-+]?[0-9.]+(?:[eE][-+]?[0-9]+)?)( \d+)?')
_LABEL = re.compile(r'([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\["\\n])*)"')


def parse(text):
    """{(name, sorted labels): value}. Fails on a line that is no comment, no blank and no sample."""
    samples = {}
    assert text.endswith("\n"), "the last line does not end"
    for line in text.splitlines():
        if not line or line.startswith("#"):
            continue
        match = _SAMPLE.fullmatch(line)
        assert match, f"not a sample: {line!r}"
        labels = match.group(3) or ""
        found = _LABEL.findall(labels)
        assert ",".join(f'{name}="{value}"' for name, value in found) == labels.rstrip(","), f"bad labels: {line!r}"
        key = (match.group(1), tuple(sorted(found)))
        assert key not in samples, f"twice: {line!r}"
        samples[key] = float(match.group(4))
    return samples


def total(samples, pattern):
    """The sum of all samples whose name matches <pattern>, or None when there is none."""
    values = [value for (name, _), value in samples.items() if re.fullmatch(pattern, name)]
    return sum(values) if values else None
