"""What a service tells Prometheus, read by Prometheus's own parser."""

import urllib.request

from prometheus_client.parser import text_string_to_metric_families

from tests.support.processes import Service


class Metrics:
    """One scrape: samples by name and labels."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.samples = [sample for family in text_string_to_metric_families(text) for sample in family.samples]

    def sum(self, name: str, **labels: str) -> float:
        """Of all samples of that name with these labels."""
        return sum(
            sample.value for sample in self.samples if sample.name == name and labels.items() <= sample.labels.items()
        )

    def values(self, name: str, label: str) -> set[str]:
        """What a label is, in all samples of that name."""
        return {sample.labels[label] for sample in self.samples if sample.name == name}


def address(service: Service) -> str:
    """Where its metrics are, as it says."""
    return service.wait_for(r"Metrics are at http://([^\s\"]+)/metrics")


def scrape(where: str, *, path: str = "/metrics") -> Metrics:
    """What is told there now."""
    with urllib.request.urlopen(f"http://{where}{path}", timeout=10) as answer:
        return Metrics(answer.read().decode())
