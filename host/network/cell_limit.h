/* SPDX-License-Identifier: MIT
 *
 * cell_limit.h: what theory says of a cell of networks, were its layers infinitely wide: the extreme eigenvalues of the
 * Gram matrix G of its gradients at the start, and the mean loss over starts. limit.h and predict.h have the laws; here
 * they are put to the cell's own layers, data, loss and steps.
 *
 * Layer h has weight scale^2 times its channels, the last one scale^2, and the deviation of its initial weights; G is
 * the sum over trained layers. The widths are the cell's own: so a net without any scale has its limit, too, whose G
 * grows with the width. For the loss c sum |u - y|^2 the residuals follow r -> (I - 2c eta G) r.
 *
 *   basin_cell_limit limit;
 *   basin_cell_limit_find(setting, times, time, &limit, loss, error);
 *   limit.lambda_0, limit.lambda_max, limit.loss_start, loss[t] after time[t] steps
 *
 * It takes n^3 operations for n inputs, a second for a thousand, and the eigenvalues are kept: a cell finds them once.
 * The bits are the same on every machine.
 */
#ifndef BASIN_CELL_LIMIT_H
#define BASIN_CELL_LIMIT_H

#include "base/error.h"
#include "seam/layers.h"
#include "seam/setting.h"

typedef struct basin_cell_limit {
  double lambda_0, lambda_max; /* eigenvalues of G, the smallest and the largest */
  double loss_start;           /* mean loss at the start */
  int exact; /* whether that holds at the cell's own widths: with one hidden layer it does */
} basin_cell_limit;

/* Whether the cell has a limit, without drawing anything: BASIN_BAD_INPUT with the reason where it has none. Its layers
   are as limit.h says; the weights of the first are normal with mean 0, those of the others independent with mean 0;
   and it does not take more than 4 GiB of memory. */
basin_status basin_cell_limit_check(const basin_setting *setting, basin_error *error);

/* All of it. loss[times], or NULL: the mean loss after so many steps; NaN where the steps are others than full-batch
   gradient descent of one constant step size. BASIN_BAD_INPUT where there is no limit, BASIN_FAILED without memory. */
basin_status basin_cell_limit_find(const basin_setting *setting, int64_t times, const int64_t *time,
                                   basin_cell_limit *limit, double *loss, basin_error *error);

/* lambda_0 of a network that has a limit, and G of each label, [n][n]: worked out when it is first asked for, and kept
   with the network. NaN and NULL without memory. Any thread may ask. */
double basin_cell_lambda(const basin_setting *setting);
const double *basin_cell_gram(const basin_setting *setting);

/* What basin_network.modes points to, where they are kept: nothing yet. NULL without memory. */
struct basin_cell_modes *basin_cell_modes_new(void);
void basin_cell_modes_free(struct basin_cell_modes *modes);

/* The one step size of full-batch gradient descent without anything added; NaN where the steps are others. */
double basin_cell_step_size(const basin_setting *setting);

#endif
