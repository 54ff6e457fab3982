"""Bar charts as SVG, for people who would rather look: a group of bars for each row, the longest of a group as long as there is room."""

from xml.sax.saxutils import escape

WIDTH = 760
LABEL_WIDTH = 96
BAR_WIDTH = 520
BAR_HEIGHT = 13
ROW_GAP = 16
TITLE_HEIGHT = 20
STYLE = """
text { font: 12px system-ui, sans-serif; fill: #24292f; }
.title { font-weight: 600; }
.figure { fill: #57606a; }
.bar { fill: #b6bec8; }
.ours { fill: #0969da; }
@media (prefers-color-scheme: dark) {
  text { fill: #e6edf3; } .figure { fill: #9198a1; } .bar { fill: #57606a; } .ours { fill: #4493f8; }
}
"""


def bars(title, groups):
    """An SVG of (title, unit, [(name, value)]) groups; ours is called registry."""
    parts, y = [], 8
    for heading, unit, values in groups:
        parts.append(text(8, y + 12, heading, "title"))
        y += TITLE_HEIGHT
        longest = max((value for _, value in values), default=0) or 1
        for name, value in values:
            length = max(1, round(BAR_WIDTH * value / longest))
            kind = "bar ours" if name == "registry" else "bar"
            parts.append(text(LABEL_WIDTH - 6, y + 11, name, "figure", "end"))
            parts.append(f'<rect class="{kind}" x="{LABEL_WIDTH}" y="{y}" width="{length}" height="{BAR_HEIGHT}" rx="2"/>')
            parts.append(text(LABEL_WIDTH + length + 6, y + 11, f"{value:,.0f} {unit}", "figure"))
            y += BAR_HEIGHT + 3
        y += ROW_GAP
    body = "\n".join(parts)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" role="img" aria-label="{escape(title)}" '
        f'width="{WIDTH}" height="{y}" viewBox="0 0 {WIDTH} {y}">\n<title>{escape(title)}</title>\n'
        f"<style>{STYLE}</style>\n{body}\n</svg>\n"
    )


def text(x, y, content, kind, anchor="start"):
    return f'<text x="{x}" y="{y}" class="{kind}" text-anchor="{anchor}">{escape(content)}</text>'
