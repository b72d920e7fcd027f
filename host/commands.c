/* SPDX-License-Identifier: MIT
 *
 * commands.c: the table of commands and options.
 */
#include "cli.h"

#define HELP \
  { "help", 'h', NULL, "show this and exit" }

static const basin_option run_options[] = {
    {"output", 'o', "OUT.h5",
     "the file to make; default: the experiment's name with .h5, in this folder"},
    {"set", 0, "KEY=VALUE",
     "replace one key of the file, dots between levels (stop.max_steps=1e5); may be repeated"},
    {"trials", 0, "N", "the same as --set trials=N"},
    {"seed", 0, "S", "the same as --set seed=S"},
    {"threads", 0, "N", "worker threads; default: all processors this process may use"},
    {"backend", 0, "NAME", "auto, cpu or cuda; default auto"},
    {"isa", 0, "NAME",
     "generic, avx2 or avx512; default: the best of this machine. The results do not depend on it"},
    {"cell", 0, "I", "with --trial: run only this cell's trial, and show it"},
    {"trial", 0, "J", "with --cell: the trial's number, from 0"},
    {"part-trials", 0, "N",
     "trials of a part; default: chosen from the experiment. The results do not depend on it"},
    {"dry-run", 0, NULL, "show cells, parts, memory, disk and backend, and start nothing"},
    {"no-provenance", 0, NULL,
     "leave host, date and speed out of the file, so that equal runs make equal files"},
    {"quiet", 'q', NULL, "no progress and no closing lines"},
    HELP,
};

static const basin_option summary_options[] = {
    {"json", 0, NULL, "as JSON"},
    {"csv", 0, NULL, "as CSV, a row per cell"},
    HELP,
};

static const basin_option compare_options[] = {
    {"csv", 0, NULL, "as CSV, a row per cell"},
    HELP,
};

static const basin_option plot_options[] = {
    {"output", 'o', "FIG.svg", "the figure to make: .svg or .png"},
    {"observable", 0, "NAME",
     "draw this observable along the trajectories; repeat it for a panel each"},
    {"x", 0, "PARAMETER",
     "grid parameter on the horizontal axis; default: the one with most values"},
    {"published", 0, "PUBLISHED.csv", "draw the published rates too"},
    {"log", 0, NULL, "logarithmic vertical axis"},
    {"title", 0, "TEXT", "title of the figure; default: the experiment's"},
    HELP,
};

static const basin_option help_options[] = {
    {"man", 0, NULL, "the whole manual page, in roff"},
    HELP,
};

static const basin_option plain_options[] = {HELP};

#define OPTIONS(table) .option = (table), .options = (int)(sizeof(table) / sizeof *(table))

const basin_command basin_commands[] = {
    {.name = "run",
     .arguments = "EXPERIMENT.yaml",
     .meaning = "run the trials of an experiment and write the output file",
     .description =
         "Finished parts are kept in OUT.h5.parts while the run goes on. After an interruption "
         "(Ctrl-C, a "
         "signal, a crash) the same command goes on where it stopped, and the file it makes is the "
         "same as "
         "that of an uninterrupted run. An output that is complete already is left as it is.",
     .least = 1,
     .most = 1,
     OPTIONS(run_options),
     .run = basin_command_run},
    {.name = "summary",
     .arguments = "OUT.h5",
     .meaning = "success rates with 95% intervals, and steps, of every cell",
     .description = "The interval is Wilson's score interval. Unresolved and diverged trials count "
                    "as trials that did "
                    "not succeed, and are shown.",
     .least = 1,
     .most = 1,
     OPTIONS(summary_options),
     .run = basin_command_summary},
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
    {.name = "plot",
     .arguments = "OUT.h5",
     .meaning = "draw success rates, or trajectories, through gnuplot",
     .description = "Without --observable: the success rate against a grid parameter, with "
                    "intervals. With it: median "
                    "and the bands from 5% to 95% and from 25% to 75% of the recorded trials, "
                    "apart for each outcome. "
                    "A trial that has ended keeps its last value.",
     .least = 1,
     .most = 1,
     OPTIONS(plot_options),
     .run = basin_command_plot},
    {.name = "models",
     .arguments = "[NAME]",
     .meaning = "every model with its parameters, vectors, observables and source",
     .description = "",
     .least = 0,
     .most = 1,
     OPTIONS(plain_options),
     .run = basin_command_models},
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

const int basin_commands_count = (int)(sizeof basin_commands / sizeof *basin_commands);
