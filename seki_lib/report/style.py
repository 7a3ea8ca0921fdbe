"""One style for all figures: legible in print, and safe for colour-blind readers (Okabe and Ito's colours).

Lines and markers differ as well as colours, so that a figure survives a grey print. Importing this module loads
seaborn: 0.1 s beside matplotlib and pandas, 0.6 s where scipy is not loaded yet.
"""

import seaborn

BLACK, GREY, ORANGE, BLUE, GREEN, SKY, AMBER, PINK = (
    "#000000", "#999999", "#D55E00", "#0072B2", "#009E73", "#56B4E9", "#E69F00", "#CC79A7",
)  # fmt: skip
OURS = ORANGE
BASELINES = {"random_search": GREY, "regularized_evolution": BLUE, "local_search": GREEN}

seaborn.set_theme(
    style="ticks",
    palette=[ORANGE, BLUE, GREEN, AMBER, PINK, SKY, BLACK],
    rc={
        "font.sans-serif": ["DejaVu Sans"],  # comes with matplotlib: the same figure on every machine
        "axes.titlesize": 10, "axes.labelsize": 10, "xtick.labelsize": 9, "ytick.labelsize": 9, "legend.fontsize": 9,
        "legend.title_fontsize": 9, "axes.spines.top": False, "axes.spines.right": False, "axes.linewidth": 0.9,
        "xtick.major.width": 0.9, "ytick.major.width": 0.9, "grid.color": "#DDDDDD", "grid.linewidth": 0.6,
        "axes.axisbelow": True, "lines.linewidth": 1.6,
    },
)  # fmt: skip
