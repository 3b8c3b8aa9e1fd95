#!/bin/sh
# train.sh LR MOMENTUM SCALING EPOCHS
#
# Fits a plane to points, by gradient descent with momentum. awk prints the loss after each epoch, and `neps report`
# hands it in; the last one is the result. The weights are left in the trial's folder, and an evaluation at more epochs
# goes on from there.
set -e

weights=${NEPS_PIPELINE_DIRECTORY:-.}/weights
before=/dev/null
if [ -n "$NEPS_PREVIOUS_PIPELINE_DIRECTORY" ]; then
  before=$NEPS_PREVIOUS_PIPELINE_DIRECTORY/weights
fi

awk -v lr="$1" -v momentum="$2" -v scaling="$3" -v epochs="$4" -v weights="$weights" '
  { a = $1; b = $2; c = $3; va = $4; vb = $5; vc = $6; done = $7 }   # from where it goes on
  END {
    n = 40
    for (i = 0; i < n; i++) {                    # points, on a grid of two lengths
      x[i] = (i % 8) / 7; z[i] = 5 * int(i / 8) / 4
      y[i] = 2 * x[i] - z[i] + 0.5 + ((i * 7919) % 11 - 5) / 50
      if (scaling == "standard") { x[i] = (x[i] - 0.5) / 0.33; z[i] = (z[i] - 2.5) / 1.77 }
    }
    for (epoch = done + 1; epoch <= epochs; epoch++) {
      da = db = dc = loss = 0
      for (i = 0; i < n; i++) {
        e = a * x[i] + b * z[i] + c - y[i]
        da += 2 * e * x[i] / n; db += 2 * e * z[i] / n; dc += 2 * e / n
      }
      a += va = momentum * va - lr * da
      b += vb = momentum * vb - lr * db
      c += vc = momentum * vc - lr * dc
      for (i = 0; i < n; i++) loss += (a * x[i] + b * z[i] + c - y[i]) ^ 2 / n
      print epoch, (loss < 1e9 ? loss : 1e9)     # it may run away
      if (loss >= 1e9) exit
    }
    print a, b, c, va, vb, vc, epochs > weights
  }
' "$before" |
  while read -r epoch loss; do
    # 75 says that the stopping rule has seen enough; and so this ends, too.
    neps report "$loss" --step "$epoch" || exit $?
  done
