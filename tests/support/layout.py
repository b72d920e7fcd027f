# SPDX-License-Identifier: MIT
# layout.py PANELS FIG.svg...: each figure has so many panels, and whatever it says lies on the page, on no panel and on no
# other text. Texts are taken as wide as they are at least.
import re
import sys
import xml.etree.ElementTree as tree

FRAME = "rgb( 68,  68,  68)"  # the colour of a panel's border


def overlap(a, b):
    return a[0] < b[2] and b[0] < a[2] and a[1] < b[3] and b[1] < a[3]


def frame_of(element):
    """left, top, right, bottom where the element is the border of a panel (a colour bar is smaller)"""
    path = element.get("d") or ""
    if element.get("stroke") != FRAME or not path.rstrip().endswith("Z"):
        return None
    x, y = zip(*((float(p), float(q)) for p, q in re.findall(r"([\d.]+),([\d.]+)", path)))
    return (min(x), min(y), max(x), max(y)) if max(x) - min(x) > 100 and max(y) - min(y) > 100 else None


def text_of(element):
    move = re.match(r"translate\(([\d.-]+),([\d.-]+)\)( rotate\(270\))?", element.get("transform") or "")
    text = "".join(element.itertext()).strip()
    if not element.tag.endswith("}g") or not move or not text:
        return None
    x, y, size = float(move[1]), float(move[2]), float(element.get("font-size"))
    length = 0.55 * size * len(text)
    left = {"start": 0, "middle": 0.5, "end": 1}[element.get("text-anchor")] * length
    if move[3]:
        return text, (x - 0.75 * size, y - length + left, x + 0.1 * size, y + left)
    return text, (x - left, y - 0.75 * size, x - left + length, y + 0.1 * size)


def look(name):
    root = tree.parse(name).getroot()
    width, height = (float(x) for x in root.get("viewBox").split()[2:])
    frames = list(dict.fromkeys(frame for frame in map(frame_of, root.iter()) if frame))  # some are drawn twice
    texts = [text for text in map(text_of, root.iter()) if text]
    assert frames and texts, name
    for i, (text, box) in enumerate(texts):
        assert box[0] >= 0 and box[1] >= 0 and box[2] <= width and box[3] <= height, f"{name}: `{text}` leaves the page"
        for frame in frames:
            assert text == "nothing to draw" or not overlap(box, frame), f"{name}: `{text}` lies on a panel"
        for other, there in texts[:i]:
            assert not overlap(box, there), f"{name}: `{text}` lies on `{other}`"
    for i, frame in enumerate(frames):
        assert not any(overlap(frame, other) for other in frames[:i]), f"{name}: panels lie on each other"
    return len(frames)


for figure in sys.argv[2:]:
    panels = look(figure)
    assert panels == int(sys.argv[1]), f"{figure}: {panels} panels, expected {sys.argv[1]}"
