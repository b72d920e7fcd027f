/* SPDX-License-Identifier: MIT */
#include "network/cell_limit.h"
#include "network/predict.h"
#include "network/limit.h"
#include "numeric/real.h"
#include <math.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

/* What a cell keeps once it was worked out. */
struct basin_cell_modes {
  pthread_mutex_t lock;
  int known;
  basin_modes modes;
  double *gram; /* where it was asked for */
};

/* ---- the network ---- */

/* standard deviation of independent entries with mean 0; -1: they are not such */
static double deviation_of(const basin_vector *weights) {
  const double scale = fabs(weights->scale);
  if (weights->value) return -1;
  switch (weights->source) {
  case BASIN_NORMAL:
  case BASIN_SIGN:
    return weights->offset == 0 ? scale : -1;
  case BASIN_UNIFORM:
    return 2 * weights->offset == -weights->scale ? scale / r_sqrt(12) : -1;
  default:
    return -1;
  }
}

static int is_dense(const basin_network_layer *layer) {
  return layer->pixels == 1 && layer->patch == 1;
}

/* layers[network->layers]; the sizes of the net, without its inputs */
static void describe(const basin_setting *setting, basin_limit_layer *layer, double *share,
                     basin_limit_net *net) {
  const basin_network *network = setting->network;
  const int flat = is_dense(&network->layer[0]); /* its channels are all numbers of an input */
  *net = (basin_limit_net){.layers = network->layers,
                           .layer = layer,
                           .n = setting->gradient.set_size,
                           .channels = network->channels * (flat ? network->pixels : 1),
                           .pixels = flat ? 1 : network->pixels};
  for (int h = 0; h < network->layers; h++) {
    const basin_network_layer *is = &network->layer[h];
    const double width = h + 1 < network->layers ? (double)is->out : 1;
    layer[h] = (basin_limit_layer){.sigma = {is->activation, is->slope},
                                   .weight = is->scale * is->scale * width,
                                   .sd = deviation_of(&setting->initial[h]),
                                   .patch = is_dense(is) ? 0 : is->patch,
                                   .skip = is->skip};
    share[h] = is->trained;
  }
}

/* ---- whether there is a limit ---- */

static basin_status check_weights(const basin_setting *setting, int h, basin_error *error) {
  const basin_vector *weights = &setting->initial[h];
  if (deviation_of(weights) < 0)
    return basin_fail(error, BASIN_BAD_INPUT,
                      "the weights of layer %d are not drawn independently with mean 0", h + 1);
  if (h == 0 && weights->source != BASIN_NORMAL)
    return basin_fail(error, BASIN_BAD_INPUT, "the weights of layer 1 are not normal");
  return BASIN_OK;
}

basin_status basin_cell_limit_check(const basin_setting *setting, basin_error *error) {
  const basin_network *network = setting->network;
  const double most = 4.0 * (1 << 30);
  if (!network) return basin_fail(error, BASIN_BAD_INPUT, "the model is not a network");
  basin_limit_layer layer[BASIN_LAYERS_MAX];
  double share[BASIN_LAYERS_MAX];
  basin_limit_net net;
  basin_status status = BASIN_OK;
  describe(setting, layer, share, &net);
  status = basin_limit_check(&net, error);
  for (int h = 0; h < network->layers && !status; h++) status = check_weights(setting, h, error);
  if (status) return status;
  const double n = (double)net.n, size = n * (double)net.pixels;
  const double bytes = 8 * (3 * size * size + (double)(2 * net.layers + 2) * n * size + 4 * n * n);
  if (bytes <= most) return BASIN_OK;
  return basin_fail(error, BASIN_BAD_INPUT,
                    "its Gram matrices take %.3g GiB of memory, expected at most 4",
                    bytes / (1 << 30));
}

/* ---- the steps ---- */

double basin_cell_step_size(const basin_setting *setting) {
  const basin_gradient *g = &setting->gradient;
  const double eta = setting->stage[0].eta[0];
  if (g->batch || basin_method_is_asked(g)) return NAN;
  for (int s = 0; s < setting->stages; s++) {
    const basin_stage *stage = &setting->stage[s];
    if (stage->moving[0] || stage->eta[BASIN_DECAY] > 0) return NAN;
    if (stage->eta[0] < eta || stage->eta[0] > eta) return NAN;
  }
  return eta;
}

/* ---- all of it ---- */

/* what the laws are put to: inputs and labels, G and C */
typedef struct matrices {
  double *x, *y, *gram, *covariance;
} matrices;

static void free_matrices(matrices *m) {
  free(m->x);
  free(m->y);
  free(m->gram);
}

static basin_status make_matrices(const basin_setting *setting, matrices *m, basin_error *error) {
  const basin_network *network = setting->network;
  const int64_t n = setting->gradient.set_size, d = network->channels * network->pixels;
  basin_limit_layer layer[BASIN_LAYERS_MAX];
  double share[BASIN_LAYERS_MAX];
  basin_limit_net net;
  describe(setting, layer, share, &net);
  m->x = malloc((size_t)(n * d) * sizeof *m->x);
  m->y = malloc((size_t)(n * network->labels) * sizeof *m->y);
  m->gram = malloc((size_t)(n * n) * 2 * sizeof *m->gram);
  if (!m->x || !m->y || !m->gram) return basin_fail_memory(error);
  m->covariance = m->gram + n * n;
  if (network->draw(setting, 0, n, m->x, m->y)) return basin_fail_memory(error);
  net.x = m->x;
  return basin_limit_gram(&net, share, m->gram, m->covariance, error);
}

struct basin_cell_modes *basin_cell_modes_new(void) {
  struct basin_cell_modes *kept = calloc(1, sizeof *kept);
  if (kept) pthread_mutex_init(&kept->lock, NULL);
  return kept;
}

void basin_cell_modes_free(struct basin_cell_modes *kept) {
  if (!kept) return;
  if (kept->known) basin_modes_free(&kept->modes);
  free(kept->gram);
  pthread_mutex_destroy(&kept->lock);
  free(kept);
}

/* the cell's modes, of a network that has a limit */
static basin_status find_modes(const basin_setting *setting, basin_modes *modes,
                               basin_error *error) {
  struct basin_cell_modes *kept = setting->network->modes;
  matrices m = {0};
  basin_status status = BASIN_OK;
  pthread_mutex_lock(&kept->lock);
  if (!kept->known) {
    status = make_matrices(setting, &m, error);
    if (!status)
      status = basin_modes_make(setting->gradient.set_size, setting->network->labels, m.gram,
                                m.covariance, m.y, &kept->modes, error);
    kept->known = !status;
    free_matrices(&m);
  }
  *modes = kept->modes;
  pthread_mutex_unlock(&kept->lock);
  return status;
}

const double *basin_cell_gram(const basin_setting *setting) {
  struct basin_cell_modes *kept = setting->network->modes;
  const size_t n = (size_t)setting->gradient.set_size, bytes = n * n * sizeof *kept->gram;
  pthread_mutex_lock(&kept->lock);
  if (!kept->gram) {
    matrices m = {0};
    basin_error unused;
    if (!make_matrices(setting, &m, &unused)) {
      kept->gram = m.gram;
      m.gram = NULL;
      double *alone = realloc(kept->gram, bytes); /* without the covariance behind it */
      if (alone) kept->gram = alone;
    }
    free_matrices(&m);
  }
  const double *gram = kept->gram;
  pthread_mutex_unlock(&kept->lock);
  return gram;
}

double basin_cell_lambda(const basin_setting *setting) {
  basin_modes modes;
  basin_error unused;
  return find_modes(setting, &modes, &unused) ? NAN : modes.lambda[0];
}

basin_status basin_cell_limit_find(const basin_setting *setting, int64_t times, const int64_t *time,
                                   basin_cell_limit *limit, double *loss, basin_error *error) {
  basin_modes modes;
  basin_status status = basin_cell_limit_check(setting, error);
  if (!status) status = find_modes(setting, &modes, error);
  if (status) return status;
  const double factor = 2 * setting->network->loss_weight,
               eta = factor * basin_cell_step_size(setting);
  *limit = (basin_cell_limit){.lambda_0 = modes.lambda[0],
                              .lambda_max = modes.lambda[modes.n - 1],
                              .loss_start = factor * basin_modes_loss(&modes, 0, 0),
                              .exact = setting->network->layers == 2};
  for (int64_t t = 0; t < times; t++)
    loss[t] = isnan(eta) ? NAN : factor * basin_modes_loss(&modes, eta, time[t]);
  return BASIN_OK;
}
