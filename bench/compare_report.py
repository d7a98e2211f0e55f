"""What came out of a comparison: table, JSON, plot."""

import json
import os
import platform
import shutil
import statistics
import subprocess


def median(values):
    return statistics.median(values) if values else None


def text(value, digits=1):
    if value is None:
        return "-"
    if value >= 1000:
        return f"{value:,.0f}"
    return f"{value:.{digits}f}" if value >= 1 else f"{value:.3g}"


def verdict(row):
    if row.get("floor") is None or row.get("ratio") is None:
        return ""
    return "pass" if row["ratio"] >= row["floor"] else "MISS"


COLUMNS = [
    ("scenario", lambda r: r["scenario"]),
    ("unit", lambda r: r["unit"]),
    ("A", lambda r: text(r["a"])),
    ("B", lambda r: text(r["b"])),
    ("A/B", lambda r: text(r["ratio"], 2)),
    ("range", lambda r: f"{text(min(r['ratios']), 2)}..{text(max(r['ratios']), 2)}"
     if r.get("ratios") else ""),
    ("floor", lambda r: text(r["floor"]) if r.get("floor") is not None else ""),
    ("", verdict),
    ("cpu A", lambda r: text(r.get("cpu_a"), 2)),
    ("cpu B", lambda r: text(r.get("cpu_b"), 2)),
    ("B/A", lambda r: text(r.get("cpu_ratio"), 2)),
    ("cpu floor", lambda r: text(r["cpu_floor"]) if r.get("cpu_floor") is not None else ""),
    ("", lambda r: verdict({"floor": r.get("cpu_floor"), "ratio": r.get("cpu_ratio")})),
    ("peak A", lambda r: text(r.get("peak_a"))),
    ("peak B", lambda r: text(r.get("peak_b"))),
]


def print_table(rows, out):
    """Ratios above 1 are in A's favour. CPU is in ms per MiB, or us per operation; peak in MiB."""
    cells = [[name for name, _ in COLUMNS]] + [[get(row) for _, get in COLUMNS] for row in rows]
    widths = [max(len(line[i]) for line in cells) for i in range(len(COLUMNS))]
    for line in cells:
        print("  ".join(cell.ljust(w) if i < 2 else cell.rjust(w)
                        for i, (cell, w) in enumerate(zip(line, widths))).rstrip(), file=out)


def machine():
    model = ""
    with open("/proc/cpuinfo") as info:
        for line in info:
            if line.startswith("model name"):
                model = line.split(":", 1)[1].strip()
                break
    return {"system": platform.platform(), "processor": model, "cpus": os.cpu_count()}


def write_json(path, document):
    with open(path, "w") as out:
        json.dump(document, out, indent=1)
        out.write("\n")


PLOT = """\
set terminal svg size 1000,{height} font "sans-serif,12" background "white"
set output "{svg}"
set title "{title}"
set logscale x 2
set xlabel "times as fast as {b}"
set xrange [0.5:*]
set yrange [-0.7:{top}]
set ytics ({tics}) nomirror
set grid xtics
set key bottom right
set style fill solid 0.85 noborder
set arrow from 1, graph 0 to 1, graph 1 nohead lc rgb "#888888"
plot "{data}" using (0.5):1:(0.5):2:($1-0.33):($1+0.33) with boxxyerror lc rgb "#3b7dd8" \\
         title "measured", \\
     "{data}" using 3:1:(0):(0.33) with xyerrorbars pt 0 lw 3 lc rgb "#d8443b" title "floor"
"""


def write_plot(path, rows, name_b, title):
    """A bar for each ratio with its floor. False if gnuplot is not there."""
    rows = [row for row in rows if row.get("ratio")]
    if not rows or not shutil.which("gnuplot"):
        return False
    data = path + ".dat"
    with open(data, "w") as out:
        for i, row in enumerate(rows):
            place = len(rows) - 1 - i
            out.write(f"{place} {row['ratio']:.4f} {row.get('floor') or 'NaN'}\n")
    tics = ", ".join(f'"{row["scenario"]}" {len(rows) - 1 - i}' for i, row in enumerate(rows))
    script = PLOT.format(svg=path, data=data, tics=tics, b=name_b, title=title,
                         top=len(rows) - 0.3, height=120 + 22 * len(rows))
    try:
        subprocess.run(["gnuplot"], input=script, text=True, check=True, timeout=60)
    finally:
        os.unlink(data)
    return True


CURVE = """\
set terminal svg size 700,420 font "sans-serif,12" background "white"
set output "{svg}"
set title "{title}"
set logscale x 2
set xlabel "{xlabel}"
set ylabel "{ylabel}"
set yrange [0:*]
set grid
plot {plots}
"""


def write_curve(path, title, xlabel, ylabel, curves):
    """Lines through (x, y) points, by name. False if gnuplot is not there."""
    if not shutil.which("gnuplot"):
        return False
    plots, data = [], ""
    for name, points in curves.items():
        plots.append(f"'-' using 1:2 with linespoints lw 2 title \"{name}\"")
        data += "".join(f"{x} {y}\n" for x, y in points) + "e\n"
    script = CURVE.format(svg=path, title=title, xlabel=xlabel, ylabel=ylabel,
                          plots=", ".join(plots))
    subprocess.run(["gnuplot"], input=script + data, text=True, check=True, timeout=60)
    return True
