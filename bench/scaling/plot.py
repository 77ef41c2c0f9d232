"""One SVG for each curve of a result: OUT-CURVE.svg beside OUT.jsonl."""
import json
import pathlib
import sys

import matplotlib

matplotlib.use("svg")
import matplotlib.pyplot as plot        # noqa: E402, after the choice of its backend

# The same bytes for the same samples.
matplotlib.rcParams["svg.hashsalt"] = "alyx_functions"


def main(path):
    records = [json.loads(line) for line in path.read_text().splitlines()]
    points = [record for record in records if record["kind"] == "point"]
    for curve in dict.fromkeys(record["curve"] for record in points):
        of_curve = [record for record in points if record["curve"] == curve]
        figure, axes = plot.subplots(figsize=(6.4, 4), layout="constrained")
        for series in dict.fromkeys(record["series"] for record in of_curve):
            xs, ys = zip(*((record["x"], record["y"]) for record in of_curve if record["series"] == series))
            axes.plot(xs, ys, marker="o", label=series)
        if max(record["x"] for record in of_curve) > 20:
            axes.set_xscale("log")
            axes.set_yscale("log")
        else:
            axes.set_ylim(bottom=0)
        axes.set(title=of_curve[0]["title"], xlabel=of_curve[0]["axis"], ylabel=of_curve[0]["unit"])
        axes.grid(True, which="major", alpha=0.3)
        axes.legend()
        figure.savefig(path.with_name(f"{path.stem}-{curve}.svg"), metadata={"Date": None})
        plot.close(figure)


if __name__ == "__main__":
    main(pathlib.Path(sys.argv[1]))
