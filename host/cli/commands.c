/* SPDX-License-Identifier: MIT
 *
 * commands.c: the table of commands and options.
 */
#include "cli/cli.h"

#define HELP \
  {"help", 'h', NULL, "show this and exit"}, { "version", 'V', NULL, "show the version and exit" }

#define SETTINGS                                                                                 \
  {"set", 0, "KEY=VALUE",                                                                        \
   "replace one key of the file, dots between levels, numbers from 0 for the entries of a list " \
   "(stop.max_steps=1e5, schedule.0.eta=0.1); may be repeated"},                                 \
      {"trials", 0, "N", "the same as --set trials=N"}, {                                        \
    "seed", 0, "S", "the same as --set seed=S"                                                   \
  }

#define SELECTION                                                                          \
  {"cell", 0, "LIST", "only these cells, as in 3 or 3,5-7; may be repeated"},              \
      {"where", 0, "NAME=VALUE",                                                           \
       "only cells with this value of a parameter, as in ratio=4, k=16,25 or angle=pi/4; " \
       "repeated: "                                                                        \
       "those that have all"},                                                             \
  {                                                                                        \
    "variant", 0, "NAME", "only cells of this variant; may be repeated"                    \
  }

static const basin_option run_options[] = {
    {"output", 'o', "OUT.h5",
     "the file to make; default: the experiment's name with .h5, in this folder. DIR/ with a "
     "slash: "
     "a campaign's folder"},
    SETTINGS,
    {"threads", 0, "N",
     "worker threads; default: all processors this process may use. With cuda: parts under way at "
     "once on each device; default 32"},
    {"backend", 0, "auto|cpu|cuda",
     "default auto: cuda where a device answers and --isa is not given, else "
     "cpu. The results do not depend on it"},
    {"devices", 0, "LIST", "numbers of the CUDA devices to use, as in 0,2; default: all"},
    {"isa", 0, "generic|avx2|avx512",
     "default: the best of this machine. The results do not depend on it"},
    {"shard", 0, "I/N",
     "with -o DIR/: run shard I of N of a campaign; `slurm`: the place of this job in its array"},
    {"cell", 0, "I", "with --trial: run only this cell's trial, and show it"},
    {"trial", 0, "J", "with --cell: the trial's number, from 0"},
    {"csv", 0, NULL, "with --cell and --trial: all recorded steps, as CSV, a row per step"},
    {"json", 0, NULL,
     "with --cell and --trial: all recorded steps, and what the trial is, as JSON"},
    {"part-trials", 0, "N",
     "trials of a part; default: chosen from the experiment. The results do not depend on it"},
    {"extend", 0, NULL,
     "add to a finished file what the experiment asks for now: more trials, a narrower `until`, "
     "more grid points or variants. Trials that are there are not run again; the file becomes that "
     "of a fresh run"},
    {"dry-run", 0, NULL,
     "show cells, parts, memory, disk and backend; run a few trials of each cell, for 5 seconds at "
     "most, and show how long the run would take and how its trials end. Nothing is written"},
    {"no-provenance", 0, NULL,
     "leave host, date and speed out of the file, so that equal runs make equal files"},
    {"quiet", 'q', NULL, "no progress and no closing lines"},
    HELP,
};

static const basin_option submit_options[] = {
    {"output", 'o', "DIR/", "the campaign's folder, which all nodes must see"},
    {"shards", 0, "N", "jobs of the array, each with a share of the parts"},
    SETTINGS,
    {"dry-run", 0, NULL, "write and show the batch script, and submit nothing"},
    HELP,
};

static const basin_option status_options[] = {
    {"json", 0, NULL, "as JSON"},
    HELP,
};

static const basin_option merge_options[] = {
    {"output", 'o', "OUT.h5", "the file to make; default: the experiment's name with .h5"},
    {"partial", 0, NULL, "merge what is there; the file, and every table of it, is marked partial"},
    {"no-provenance", 0, NULL,
     "leave host, date and speed out of the file, so that equal campaigns make equal files"},
    {"quiet", 'q', NULL, "no closing line"},
    HELP,
};

static const basin_option summary_options[] = {
    {"json", 0, NULL, "as JSON"},
    {"csv", 0, NULL, "as CSV, a row per cell"},
    {"pairs", 0, NULL,
     "of cells that start from the same draws (same_draw): the difference of every two success "
     "rates, draw by draw; as CSV the pairs instead of the cells"},
    SELECTION,
    HELP,
};

static const basin_option rates_options[] = {
    {"from", 0, "X",
     "where the window begins, in eta t; default: a tenth of its end, or less where fewer than 5 "
     "recorded steps lie between"},
    {"to", 0, "X",
     "where it ends; default: the last record that at least half of the cell's trials reach"},
    {"observable", 0, "OBSERVABLE", "the recorded observable to fit; default: loss"},
    {"outcome", 0, "OUTCOME",
     "only trials that ended so, as in global, or by a name of the experiment's own; default: all "
     "but diverged"},
    {"passages", 0, NULL,
     "of first passages (record.passages) instead: how their steps grow from level to level; "
     "--from "
     "and --to are numbers of passages"},
    {"final", 0, "OBSERVABLE",
     "of an observable at the end of the trials (record.final) instead: which power of the grid "
     "parameter --along it is"},
    {"along", 0, "PARAMETER",
     "with --passages, or --final: how those of each grow along this grid parameter"},
    SELECTION,
    {"json", 0, NULL, "as JSON"},
    HELP,
};

static const basin_option compare_options[] = {
    {"csv", 0, NULL, "as CSV, a row per cell"},
    SELECTION,
    HELP,
};

static const basin_option plot_options[] = {
    {"output", 'o', "FIG.svg", "the figure to make: .svg, .png or .pdf"},
    SELECTION,
    {"x", 0, "PARAMETER",
     "grid parameter on the horizontal axis; default: the one with most values"},
    {"y", 0, "PARAMETER",
     "the success rate as a map over both, with the contour where it is one half. So too, without "
     "this, where there would be more than eight curves"},
    {"halfwidth", 0, NULL, "beside the map one of the half-widths of the intervals"},
    {"published", 0, "PUBLISHED.csv", "draw the published rates too"},
    {"histogram", 0, "steps|OBSERVABLE",
     "how steps, a passage (passage_1), or an observable at the end of the trials (loss), is "
     "distributed, apart for each outcome"},
    {"ecdf", 0, "steps|OBSERVABLE", "the same, cumulative"},
    {"median", 0, "steps|OBSERVABLE",
     "the median over the trials of such a number, with its interval, against a grid parameter"},
    {"map", 0, "X,Y",
     "where starts end: each a point in the colour of its outcome, at two observables of the "
     "start, "
     "or entries of its vectors as in v[0],v[1]"},
    {"attractors", 0, NULL,
     "draw the shares of attractors (outcomes.discover) against a grid parameter, with the bands "
     "of "
     "their intervals; with --map: colour starts by their attractor"},
    {"vector", 0, "NAME",
     "a full vector (record.parameters) as an image: the teacher's, and a trial's at its start and "
     "end"},
    {"shape", 0, "ROWSxCOLUMNS", "of that image, row by row, as in 5x5"},
    {"trial", 0, "TRIAL", "which recorded trial; default: 0"},
    {"observable", 0, "OBSERVABLE",
     "draw this observable along the trajectories; repeat it for a panel each"},
    {"rates", 0, NULL,
     "draw the loss, or the one --observable, against eta t on logarithmic axes, and beside it its "
     "local slope ln(loss) / ln(eta t)"},
    {"passages", 0, NULL,
     "draw the medians of first passages against their level, or with --x against a parameter"},
    {"log", 0, NULL,
     "logarithmic vertical axis, of rates, medians, passages, histograms and trajectories"},
    {"title", 0, "TEXT", "title of the figure; default: the experiment's"},
    HELP,
};

static const basin_option export_options[] = {
    {"csv", 0, NULL, "as CSV, which is the default"},
    {"trajectories", 0, NULL, "a row for each recorded step of each recorded trial"},
    SELECTION,
    {"output", 'o', "FILE", "write a file; default: standard output"},
    HELP,
};

static const basin_option verify_options[] = {
    {"states", 0, "N", "random states of every model; default 16"},
    {"inputs", 0, "M", "fresh inputs at every state; default 1048576. More see finer"},
    {"seed", 0, "S", "other states and other inputs; default 0"},
    {"json", 0, NULL, "as JSON, with the experiment of every state"},
    HELP,
};

static const basin_option help_options[] = {
    {"man", 0, NULL, "the whole manual page, in roff"},
    {"words", 0, NULL,
     "commands, options and what they take, a line each, for the shell; behind it a file of "
     "results, whose outcomes have names too"},
    HELP,
};

static const basin_option plain_options[] = {HELP};
static const basin_option model_options[] = {
    {"header", 0, NULL, "the header in C instead, of a model that is not part of the build"},
    {"variant", 0, "NAME", "the model of this variant alone"},
    {"set", 0, "KEY=VALUE", "replace one key of the file, as with `basin run`; may be repeated"},
    HELP};

#define OPTIONS(table) .option = (table), .options = (int)(sizeof(table) / sizeof *(table))

const basin_command basin_commands[] = {
    {.name = "init",
     .arguments = "[MODEL]",
     .meaning = "write an experiment to begin with: basin init cnn > first.yaml",
     .description =
         "The experiment runs as it is, within seconds. Every key has a comment, and others to try "
         "stand behind #. Default: the first model of `basin models`.",
     .least = 0,
     .most = 1,
     OPTIONS(plain_options),
     .run = basin_command_init},
    {.name = "run",
     .arguments = "EXPERIMENT.yaml | DIR/",
     .meaning = "run the trials of an experiment and write the output file",
     .description =
         "Finished parts are kept in OUT.h5.parts while the run goes on. After an interruption "
         "(Ctrl-C, a "
         "signal, a crash) the same command goes on where it stopped, and the file it makes is the "
         "same as "
         "that of an uninterrupted run. An output that is complete already is left as it is.\n"
         "With -o DIR/ the parts stay in that folder, a campaign: many processes, on one machine "
         "or "
         "on many, each run a shard of it, and `basin merge` makes the file. The same command may "
         "be "
         "given again at any time. `basin run DIR/` goes on with the experiment that the folder "
         "has.",
     .least = 1,
     .most = 1,
     OPTIONS(run_options),
     .run = basin_command_run},
    {.name = "submit",
     .arguments = "EXPERIMENT.yaml -o DIR/ --shards N",
     .meaning = "write the batch script of a campaign and hand it to Slurm",
     .description =
         "Makes the campaign's folder, writes DIR/submit.sh, shows it and submits it with sbatch: "
         "an array of N jobs, a shard each. What stands behind `--` goes into the script as it is "
         "(-- --time=1:00:00 --cpus-per-task=16 --gpus=1). A job that reaches its time limit saves "
         "what it has, and is queued again. Give some jobs again with sbatch --array=3,7 "
         "DIR/submit.sh.",
     .least = 1,
     .most = 1,
     .takes_rest = 1,
     OPTIONS(submit_options),
     .run = basin_command_submit},
    {.name = "status",
     .arguments = "DIR/ | OUT.h5",
     .meaning = "how far a campaign, or a run, is, and its success rates so far",
     .description =
         "Reads the folder alone, so it works while jobs run, from any node. Parts that end early "
         "come first: rates so far may lean towards short trials. `summary`, `rates`, `compare` "
         "and "
         "`plot` take DIR/, or the OUT.h5 of a run that has not ended, too.",
     .least = 1,
     .most = 1,
     OPTIONS(status_options),
     .run = basin_command_status},
    {.name = "merge",
     .arguments = "DIR/",
     .meaning = "make the output file of a campaign from its parts",
     .description = "Every part is checked against the experiment, and its checksums. Missing and "
                    "damaged ones "
                    "are listed, and nothing is merged unless --partial is given. The file is the "
                    "same, byte by "
                    "byte, as that of a run on one machine, but for /provenance.",
     .least = 1,
     .most = 1,
     OPTIONS(merge_options),
     .run = basin_command_merge},
    {.name = "summary",
     .arguments = "OUT.h5",
     .meaning = "success rates with 95% intervals, and steps, of every cell",
     .description =
         "The interval is Wilson's score interval. Unresolved and diverged trials count "
         "as trials that did "
         "not succeed, and are shown. The interval of a difference is the adjusted Wald "
         "interval of Bonett and Price (2012) for paired draws. Steps are told by outcome: the "
         "median with its 95% interval, between two order statistics whose ranks are "
         "binomial (from 6 trials on), and the largest number. Without stop.at the early rule "
         "ends a trial where its outcome is proved: then steps are no time to the optimum. With "
         "record.limit: eigenvalues and mean loss of networks of infinite width, and the mean loss "
         "of the recorded trials at their start, whose z is its distance in standard errors.",
     .least = 1,
     .most = 1,
     OPTIONS(summary_options),
     .run = basin_command_summary},
    {.name = "rates",
     .arguments = "OUT.h5",
     .meaning = "how fast the loss falls: power law or exponential, of every cell",
     .description =
         "Time is eta t, the sum of the step sizes. In each recorded trial ln(loss) is fitted by a "
         "line in ln(eta t), whose slope is printed, and by a line in eta t, whose slope with its "
         "sign turned is the exponential rate, over the records within the window. Both are means "
         "over trials, with the 2.5% and 97.5% quantiles of the mean over 2000 resamples of the "
         "trials (percentile bootstrap; of few trials, ten say, it is too narrow). Better is the "
         "law with the smaller sum of squared residuals of ln(loss) over all trials. The last "
         "column is ln(loss) / ln(eta t) at the last record in the window. A trial's records count "
         "up to the first that is 0 or at most 2^-88 of its largest, where a loss is the rounding "
         "of the weights; a trial needs three in the window.\n"
         "With --passages the steps T of the first passages of one observable, and ln T, are "
         "fitted "
         "by lines in the number of the passage: the slope, and the factor by which T grows from "
         "one "
         "to the next. With y for the level: the slope of T in ln y, steps for a factor e of the "
         "level (for passages below levels, of falling), and the slope of ln T in ln y, the power. "
         "A line is fitted in every trial that had all of these passages; means and intervals as "
         "above, the factor's from those of its logarithm. With --along the lines go through the "
         "means of cells along the parameter; where the cells have draws of their own the interval "
         "is Student's with Satterthwaite's degrees of freedom (1946), where they share them a "
         "line "
         "is fitted for every draw.\n"
         "With --final and --along the lines go through the means of ln |y| over the trials, y "
         "being the observable at their end, in ln of the parameter: the slope is the power, with "
         "an interval as that of passages along it. There is none where y is 0 in a trial, or "
         "above 0 in some and below in others.",
     .least = 1,
     .most = 1,
     OPTIONS(rates_options),
     .run = basin_command_rates},
    {.name = "compare",
     .arguments = "OUT.h5 PUBLISHED.csv",
     .meaning = "success rates beside published ones, with a z-score per cell",
     .description = "A row of the CSV names a cell by its columns (variant, grid parameters), and "
                    "gives `success` and "
                    "`trials`. z is the two-sample score with pooled variance, after half a unit "
                    "of the printed "
                    "value's last digit is taken off the difference. A cell differs where |z| > 3.",
     .least = 2,
     .most = 2,
     OPTIONS(compare_options),
     .run = basin_command_compare},
    {.name = "check",
     .arguments = "OUT.h5",
     .meaning = "whether everything in an output file is as it was written",
     .description = "Every number is read and compared with the checksums in the file. The other "
                    "commands compare what they read themselves; this one finds damage elsewhere.",
     .least = 1,
     .most = 1,
     OPTIONS(plain_options),
     .run = basin_command_check},
    {.name = "plot",
     .arguments = "OUT.h5",
     .meaning = "draw success rates, distributions, basins, trajectories or rates of convergence",
     .description =
         "gnuplot draws. Without an option: the success rate against a grid parameter, with 95% "
         "intervals. Of a map a tile is a cell, and what is white has none; the contour is "
         "interpolated between cells. More than eight curves are spread over several panels.\n"
         "With --observable: median and the bands from 5% to 95% and from 25% to 75% of the "
         "recorded trials, apart for each outcome. The median ends, and so does a band, where "
         "trials that have ended would make it up. Beside the loss of networks a thin line is its "
         "mean at infinite width, where there is record.limit. With --rates: the mean of ln(loss) "
         "over the "
         "recorded trials and the band from 5% to 95% of them, apart for each outcome, as far as "
         "half of those trials get; which records count, `basin rates --help` says.\n"
         "With --map: the first 2000 starts of every cell; starts that the file does not record "
         "are drawn again from the experiment in it.",
     .least = 1,
     .most = 1,
     OPTIONS(plot_options),
     .run = basin_command_plot},
    {.name = "export",
     .arguments = "OUT.h5",
     .meaning = "single trials, or trajectories, as CSV",
     .description =
         "A row for each trial: the cell, its variant and grid parameters, the trial's number, how "
         "it ended, its steps, and the final values that record.final keeps. With --trajectories a "
         "row for each record: the same names, then the step, eta_t (of this trial, halvings "
         "counted) and the recorded observables, as far as the trial went; full vectors are left "
         "out. Numbers have as many digits as it takes to read back the very same ones.",
     .least = 1,
     .most = 1,
     OPTIONS(export_options),
     .run = basin_command_export},
    {.name = "verify",
     .arguments = "[MODEL | E.yaml...]",
     .meaning = "check the formulas of models by Monte Carlo and by differences, at random states",
     .description =
         "At every state the loss, the gradient norms and the gradient itself, as one step of "
         "the population gradient takes it, stand beside their means over fresh inputs, which know "
         "nothing of the closed forms. The gradient is compared in all entries at once "
         "(chi-square, "
         "by the covariance of its entries), and the states of a model once more together. Exit "
         "code 3 where a comparison is less likely than 1e-6 over the number of comparisons: a "
         "right model is blamed in one of 10^6 runs. Of every model, at 8 states, the slope of the "
         "loss, by extrapolated differences in random directions, stands beside the gradient that "
         "the "
         "first step follows: exit code 3, too, where they differ by more than a billionth, or "
         "what "
         "the differences leave open. Kinds of steps beside the first have a line each, which says "
         "what was compared: gradient flow and data sets with differences, samplers by the mean "
         "of their steps, methods with their definition; or why nothing could be. Of an experiment "
         "file, E.yaml, the model or models are tested at starts and settings of its own, with "
         "every kind that they have: a model that is written as formulas by differences of its "
         "loss in binary128, entry by entry, and a header, model: ./mine.h, as those of the "
         "build. Exit code 3 as well where nothing could be tested.",
     .least = 0,
     .most = 4,
     OPTIONS(verify_options),
     .run = basin_command_verify},
    {.name = "models",
     .arguments = "[MODEL]",
     .meaning = "every model with its parameters, vectors, observables and source",
     .description = "",
     .least = 0,
     .most = 1,
     OPTIONS(plain_options),
     .run = basin_command_models},
    {.name = "model",
     .arguments = "EXPERIMENT.yaml",
     .meaning = "the models of an experiment, as `basin models` has those of the build",
     .description =
         "`model: ./mine.h` in an experiment takes a model from a header beside it, by the "
         "contract "
         "of include/seam/model.h: basin compiles it with the C compiler that is there ($BASIN_CC, "
         "or "
         "cc, gcc, clang) and keeps what that makes in $BASIN_CACHE, or $XDG_CACHE_HOME/basin, or "
         "~/.cache/basin. With --header the header is printed, to be changed by hand.",
     .least = 1,
     .most = 1,
     OPTIONS(model_options),
     .run = basin_command_model},
    {.name = "info",
     .arguments = "",
     .meaning = "version, backends, instruction sets and libraries",
     .description = "",
     .least = 0,
     .most = 0,
     OPTIONS(plain_options),
     .run = basin_command_info},
    {.name = "help",
     .arguments = "[COMMAND]",
     .meaning = "this, or a command's options",
     .description = "",
     .least = 0,
     .most = 1,
     OPTIONS(help_options),
     .run = basin_command_help},
};

_Static_assert(sizeof basin_commands / sizeof *basin_commands <= BASIN_COMMANDS_MAX,
               "more commands than have room");
const int basin_commands_count = (int)(sizeof basin_commands / sizeof *basin_commands);
