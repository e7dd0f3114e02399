"""A camera's picture for Chromium's fake camera: a scene that moves gently and has a sensor's grain.

Chromium's own test picture is drawings on flat colour and needs a tenth of the bits of a real camera: no pipe would
ever be too thin for it.
"""

from __future__ import annotations

from pathlib import Path

import av
import av.filter

WIDTH, HEIGHT, FPS, PERIOD_S = 640, 360, 30, 5
_SCENE = f"testsrc2=size=960x540:rate={FPS}:duration={PERIOD_S}"
_STEPS = (
    # One picture, panned in a loop that ends where it began: the file is played again and again.
    ("loop", f"loop={FPS * PERIOD_S}:size=1"),
    ("noise", "alls=40:all_seed=7"),  # texture, as of cloth and hair: it moves with the scene
    ("gblur", "sigma=0.8"),
    ("crop", f"{WIDTH}:{HEIGHT}:160+24*sin(2*PI*t/{PERIOD_S}):90+12*sin(4*PI*t/{PERIOD_S})"),
    ("noise", "alls=6:allf=t:all_seed=11"),  # grain, new in each picture
    ("format", "yuv420p"),
)


def write_camera(path: Path) -> None:
    """Write the uncompressed film, about 50 MB, that `--use-file-for-fake-video-capture` takes."""
    graph = av.filter.Graph()
    last = graph.add("testsrc2", _SCENE.partition("=")[2])
    for name, arguments in _STEPS:
        step = graph.add(name, arguments)
        last.link_to(step)
        last = step
    last.link_to(graph.add("buffersink"))
    graph.configure()
    with path.open("wb") as file:
        file.write(f"YUV4MPEG2 W{WIDTH} H{HEIGHT} F{FPS}:1 Ip A1:1 C420jpeg\n".encode())
        for _ in range(FPS * PERIOD_S):
            frame = graph.pull()
            assert isinstance(frame, av.VideoFrame)
            file.write(b"FRAME\n")
            for plane, shrink in zip(frame.planes, (1, 2, 2), strict=True):
                rows = memoryview(plane)
                for row in range(HEIGHT // shrink):
                    file.write(rows[row * plane.line_size : row * plane.line_size + WIDTH // shrink])
