// Passes of the qvl dialect. A pass, its file, its test and its flag have one name.
#ifndef QVL_TRANSFORMS_PASSES_TD
#define QVL_TRANSFORMS_PASSES_TD

include "mlir/Pass/PassBase.td"

def HoistWindowOrderPass : Pass<"qvl-hoist-window-order", "::mlir::ModuleOp"> {
  let summary = "One permutation of rows before the blocks and one behind them";
  let description = [{
    Assigns a row order, raster or window, to every value of a function in one walk and places a `qvl.regroup` only where an order changes,
    instead of one pair around each windowed attention. An order is the index and the segments of the permutations that are there; a
    function may hold several. What the assignment rests on:

    * a permutation is cancelled by its inverse (`regroup` of one index, one size of groups);
    * a row-wise op (linear, rms_norm, silu, gelu, cast, split_heads, add, mul, rotate) keeps the order of its row operands, which agree;
    * `merge_rows {rows = r}` keeps an order of groups that `r` divides, and the merged rows are moved by groups of `group / r`, each of
      them `merged = r` rows of the segments;
    * `attention segments(%s)` keeps an order that preserves `%s`, counted in the same rows, so attention inside whole frames runs in window
      order too.

    Every other op reads and writes rows in the order that it was traced with. The rewrite is made only when it leaves fewer permutations;
    an op that stays in raster order inside the function gives a missed remark.

    ```mlir
    // before: each windowed block
    %y = qvl.linear %x, %w …
    %w = qvl.regroup %y, %window preserving(%frames) {group = 4}
    …  // attention in window order, residual stream in raster order
    %r = qvl.regroup %a, %window preserving(%frames) {group = 4, inverse}
    // after: once
    %p = qvl.regroup %pixels, %window preserving(%frames) {group = 4}
    …  // all blocks and the merger in window order
    %f = qvl.regroup %merged, %window preserving(%frames) {group = 1, inverse, merged = 4}
    ```
  }];
  let statistics = [
    Statistic<"fused", "fused", "orders hoisted">,
    Statistic<"missed", "missed", "opportunities not taken, each with a remark">
  ];
}

def FuseQkvPass : Pass<"qvl-fuse-qkv", "::mlir::ModuleOp"> {
  let summary = "Projections of one input to heads as one projection";
  let description = [{
    Joins linears that read one value and are each split into heads of one part. Their weights, and their biases, become one parameter whose
    recipe puts the rows one below the other; it is called `SCOPE.qkv_proj.weight` after the scope that the old names share. Parameters
    without a load are erased. Each output element keeps its own chain of sums, so results are equal bit for bit.

    ```mlir
    // before, the same with k_proj and v_proj
    %wq = qvl.load @self_attn.q_proj.weight : tensor<192x192xbf16>
    %q = qvl.linear %x, %wq bias %bq …
    %hq = qvl.split_heads %q {head_dim = 32, heads = [6]}
    // after
    qvl.parameter @self_attn.qkv_proj.weight : tensor<320x192xbf16>
        recipe(#qvl.concat<["self_attn.q_proj.weight", "self_attn.k_proj.weight", "self_attn.v_proj.weight"], rows = [192, 64, 64]>)
    %w = qvl.load @self_attn.qkv_proj.weight : tensor<320x192xbf16>
    %y = qvl.linear %x, %w bias %b …
    %hq, %hk, %hv = qvl.split_heads %y {head_dim = 32, heads = [6, 2, 2]}
    ```
  }];
  let statistics = [
    Statistic<"fused", "fused", "groups of projections joined">,
    Statistic<"missed", "missed", "opportunities not taken, each with a remark">
  ];
}

def FuseGateUpPass : Pass<"qvl-fuse-gate-up", "::mlir::ModuleOp"> {
  let summary = "The gated unit of an MLP as one fused linear of two weights in one parameter";
  let description = [{
    `silu(x·Wgᵀ + bg) · (x·Wuᵀ + bu)` reads its input once and writes the product alone; silu is written out on scalars. Intermediate
    results are not rounded to their element type any more. The rows of both weights become one parameter by recipe, gate above up;
    `qvl-assign-encodings` stores it so that a register tile reads both from the same lines.

    ```mlir
    // before
    qvl.parameter @mlp.gate_proj.weight : tensor<24x16xbf16>
    qvl.parameter @mlp.up_proj.weight : tensor<24x16xbf16>
    %g = qvl.linear %x, %wg …
    %u = qvl.linear %x, %wu …
    %s = qvl.silu %g …
    %h = qvl.mul %s, %u …
    // after
    qvl.parameter @mlp.gate_up_proj.weight : tensor<48x16xbf16> recipe(#qvl.concat<["mlp.gate_proj.weight", "mlp.up_proj.weight"], rows = [24, 24]>)
    %w = qvl.load @mlp.gate_up_proj.weight : tensor<48x16xbf16>
    %h = qvl.fused_linear %x, (%w) … {
    ^bb0(%g: f32, %u: f32):
      %n = arith.negf %g : f32
      %e = math.exp %n : f32
      %one = arith.constant 1.0 : f32
      %d = arith.addf %one, %e : f32
      %s = arith.divf %g, %d : f32
      %r = arith.mulf %s, %u : f32
      qvl.yield %r : f32
    }
    ```
  }];
  let dependentDialects = ["::mlir::arith::ArithDialect", "::mlir::math::MathDialect"];
  let statistics = [
    Statistic<"fused", "fused", "gated units joined">,
    Statistic<"missed", "missed", "opportunities not taken, each with a remark">
  ];
}

def FuseEpiloguePass : Pass<"qvl-fuse-epilogue", "::mlir::ModuleOp"> {
  let summary = "What follows a projection element by element, in its epilogue";
  let description = [{
    Turns every `qvl.linear` into a `qvl.fused_linear` that adds its bias (with nothing to add, one that yields the sum, so that code
    generation sees one op of projections), then moves the `gelu`, `cast` and `add` that are its only readers into the epilogue. It owns
    all residual adds; a sum keeps the sides of its operands, `residual + (acc + bias)`. The joined op stands where its last part stood, so
    a residual is there before it. Intermediate results are not rounded to their element type any more.

    ```mlir
    // before
    %y = qvl.linear %x, %w bias %b …
    %z = qvl.add %r, %y …
    // after
    %z = qvl.fused_linear %x, (%w) with(%b, %r) … {
    ^bb0(%acc: f32, %bias: f32, %residual: f32):
      %0 = arith.addf %acc, %bias : f32
      %1 = arith.addf %residual, %0 : f32
      qvl.yield %1 : f32
    }
    ```
  }];
  let dependentDialects = ["::mlir::arith::ArithDialect", "::mlir::math::MathDialect"];
  let statistics = [
    Statistic<"fused", "fused", "ops that moved into an epilogue">,
    Statistic<"missed", "missed", "opportunities not taken, each with a remark">
  ];
}

def FoldRowMapsPass : Pass<"qvl-fold-row-maps", "::mlir::ModuleOp"> {
  let summary = "Permutations of rows as maps of the ops that read or write them";
  let description = [{
    What `qvl-hoist-window-order` leaves costs no kernel: a `regroup` before a `fused_linear`, or before the `cast` of its rows, is its load map, an
    inverse `regroup` behind one its store map, a `regroup` of a rotary table the row map of the table.

    ```mlir
    // before
    %p = qvl.regroup %x, %window preserving(%frames) {group = 4} …
    %y = qvl.fused_linear %p, (%w) …
    %m = qvl.fused_linear %y, (%v) …
    %f = qvl.regroup %m, %window preserving(%frames) {group = 4, inverse} …
    // after
    %y = qvl.fused_linear %x, (%w) load(%window group 4 : tensor<?xi32>) …
    %f = qvl.fused_linear %y, (%v) store(%window group 4 : tensor<?xi32>) …
    ```
  }];
  let statistics = [
    Statistic<"fused", "fused", "permutations folded">,
    Statistic<"missed", "missed", "opportunities not taken, each with a remark">
  ];
}

def FuseSpatialMergePass : Pass<"qvl-fuse-spatial-merge", "::mlir::ModuleOp"> {
  let summary = "Normalised rows written side by side";
  let description = [{
    ```mlir
    // before
    %n = qvl.rms_norm %x, %w {eps = 1.0e-6} : tensor<?x128xf32>, tensor<128xbf16> -> tensor<?x128xf32>
    %m = qvl.merge_rows %n {rows = 4} : tensor<?x128xf32> -> tensor<?x512xf32>
    // after
    %m = qvl.rms_norm %x, %w {eps = 1.0e-6, merge = 4} : tensor<?x128xf32>, tensor<128xbf16> -> tensor<?x512xf32>
    ```
  }];
  let statistics = [
    Statistic<"fused", "fused", "merges joined with a norm">,
    Statistic<"missed", "missed", "opportunities not taken, each with a remark">
  ];
}

def FuseRotaryPass : Pass<"qvl-fuse-rotary", "::mlir::ModuleOp"> {
  let summary = "Heads split, rotated and appended to the cache in one op";
  let description = [{
    Joins a split into query, key and value with the rotations of query and key, and with the cache append of key and value when there is
    one. The joined op stands where its last part stood.

    ```mlir
    // before
    %q, %k, %v = qvl.split_heads %y {head_dim = 32, heads = [6, 2, 2]} …
    %qr = qvl.rotate %q, %t …
    %kr = qvl.rotate %k, %t …
    %c1 = qvl.cache_append %kr, %v, %c0 layer(%layer) slots(%slots) …
    // after: text
    %qr, %c1 = qvl.rope_append %y, %t, %c0 layer(%layer) slots(%slots) {q_heads = 6} …
    // after: vision, without the append
    %qr, %kr, %v = qvl.rope_qk %y, %t {head_dim = 32, heads = [4, 4, 4]} …
    ```
  }];
  let statistics = [
    Statistic<"fused", "fused", "groups of heads joined">,
    Statistic<"missed", "missed", "opportunities not taken, each with a remark">
  ];
}

def PadReductionPass : Pass<"qvl-pad-reduction", "::mlir::ModuleOp"> {
  let summary = "Reductions over whole vectors, by zeros";
  let description = [{
    A projection whose reduction size K is no multiple of 8 gets zero columns in its weight, and the projection that makes its input zero
    rows in its weights (each of two, when they are the two parts of a concat) and zeros in its biases, by recipe. K then is a multiple of 32, the rows of one panel, which the producer computes
    anyway, and of 64 from 1024 on, the depth of a tensor core's tile. The results do not change by a bit: the columns that are new hold
    the epilogue of zeros, which is zero (`silu(0) · 0`), and are multiplied by zero at the end of the chain of sums.

    Rows that come from elsewhere (an argument, a norm, whose mean has K as its divisor, attention) keep their columns: a missed remark.

    ```mlir
    // before
    qvl.parameter @gate_up : tensor<6840x1280xbf16> recipe(#qvl.concat<["gate", "up"], rows = [3420, 3420]>)
    qvl.parameter @down : tensor<1280x3420xbf16>
    %h = qvl.fused_linear %x, (%gate_up) with(%bg, %bu) … -> tensor<?x3420xf32> { … }
    %y = qvl.fused_linear %h, (%down) with(%b, %r) : tensor<?x3420xf32>, …
    // after
    qvl.parameter @gate_up : tensor<6912x1280xbf16> recipe(#qvl.concat<[#qvl.pad<"gate", tensor<3420x1280xbf16>>, …], rows = [3456, 3456]>)
    qvl.parameter @down : tensor<1280x3456xbf16> recipe(#qvl.pad<"down", tensor<1280x3420xbf16>>)
    %h = qvl.fused_linear %x, (%gate_up) with(%bg, %bu) … -> tensor<?x3456xf32> { … }
    %y = qvl.fused_linear %h, (%down) with(%b, %r) : tensor<?x3456xf32>, …
    ```
  }];
  let statistics = [
    Statistic<"fused", "fused", "reductions padded">,
    Statistic<"missed", "missed", "opportunities not taken, each with a remark">
  ];
}

def FoldStillFramesPass : Pass<"qvl-fold-still-frames", "::mlir::ModuleOp"> {
  let summary = "A second entry for pictures, whose frames are equal";
  let description = [{
    The patch rows of a picture hold it once for each frame of a temporal patch. A function with an argument of patch rows (`qvl.patch_axes`)
    gets a copy `NAME_still` for such rows: it takes the columns of the first frame alone, and the weight of the projection that reads them
    is the sum of the frames' slices, by recipe, in f32. The runtime takes this entry for a call without a video. Results are those of
    the plain entry but for the rounding of the sums. The pass is an option of phase fuse.

    ```mlir
    // before
    func.func @vision(%pixels: tensor<?x1176xf32> {qvl.patch_axes = array<i64: 3, 2, 196>}, …) {
      %w = qvl.load @proj : tensor<1280x1176xbf16>
      %x = qvl.fused_linear %pixels, (%w) …
    // after: the same, and
    qvl.parameter @proj.still : tensor<1280x588xf32>
        recipe(#qvl.sum<#qvl.convert<"proj", tensor<1280x1176xbf16>>, tensor<1280x1176xf32>, axes = [3, 2, 196]>)
    func.func @vision_still(%pixels: tensor<?x588xf32>, …) {
      %w = qvl.load @proj.still : tensor<1280x588xf32>
      %x = qvl.fused_linear %pixels, (%w) …
    ```
  }];
  let statistics = [
    Statistic<"fused", "fused", "entries for still frames made">,
    Statistic<"missed", "missed", "opportunities not taken, each with a remark">
  ];
}

def AssignEncodingsPass : Pass<"qvl-assign-encodings", "::mlir::ModuleOp"> {
  let summary = "Choose the stored form of every parameter";
  let description = [{
    Gives each `qvl.parameter` without an encoding the one that the artifact stores once for all targets: a matrix becomes panels of 32 output
    rows, bf16 in pairs of input columns and everything else in f32 (F16 is widened, exactly); a vector becomes flat f32. Logical types
    do not change, so no other op is touched. Parameters that have an encoding keep it, which makes the pass idempotent. A matrix that only
    fused linears of two weights read is stored with the rows of both in turns, eight by eight: a vector of 8 lanes holds rows of one
    weight, one of 16 lanes rows of both, and every register tile finds as many of one as of the other in the line that it reads.

    ```mlir
    // before
    qvl.parameter @w : tensor<40x33xbf16>
    qvl.parameter @b : tensor<40xbf16>
    // after
    qvl.parameter @w : tensor<40x33xbf16> encoding(#qvl.panel<n = 32, k_group = 2, element = bf16, pad_n = 64, pad_k = 34>)
    qvl.parameter @b : tensor<40xbf16> encoding(#qvl.flat<f32>)
    // two weights of 20 rows
    qvl.parameter @gate_up : tensor<40x32xbf16> encoding(#qvl.panel<n = 32, k_group = 2, element = bf16, pad_n = 64, pad_k = 32, interleave = 8>)
    ```
  }];
  let statistics = [
    Statistic<"panels", "panels", "matrices stored as panels">,
    Statistic<"flats", "flats", "vectors stored flat">
  ];
}

def SampleOnDevicePass : Pass<"qvl-sample-on-device", "::mlir::ModuleOp"> {
  let summary = "The decode program ends with the choice of the ids";
  let description = [{
    A function that becomes the program `decode` gets the arguments `seen`, `sampling` and `draws` (`include/qvlfmt/Sampling.h`) and the result `ids`,
    which follow from its result `logits` by `qvl.argmax` over blocks of 4096 columns and `qvl.sample`. A step then needs to bring back an id and not
    a row of logits for each sequence. A function that becomes other programs too is copied first. The pass is the first of phase outline for
    targets whose memory is apart from the host's; the CPU samples on the host by the same rules.

    ```mlir
    // before
    func.func @language(%rows: tensor<?xi32> {qvl.name = "logit_rows"}, …) -> (tensor<?x672xf32> {qvl.name = "logits"}, !qvl.cache<…>)
        attributes {qvl.programs = ["prefill", "decode"]} {
      %l = qvl.fused_linear …
      return %l, %c
    // after: the same for prefill, and
    func.func @language_decode(…, %seen: tensor<?x21xi32> {qvl.name = "seen"}, %settings: tensor<?x5xf32> {qvl.name = "sampling"},
                               %draws: tensor<?xi64> {qvl.name = "draws"})
        -> (tensor<?x672xf32> {qvl.name = "logits"}, tensor<?xi32> {qvl.name = "ids"}, !qvl.cache<…>)
        attributes {qvl.programs = ["decode"]} {
      %l = qvl.fused_linear …
      %v, %b = qvl.argmax %l seen(%seen) settings(%settings) {columns = 4096} …
      %ids = qvl.sample %l seen(%seen) settings(%settings) draws(%draws) best(%v, %b) …
      return %l, %ids, %c
    ```
  }];
  let statistics = [
    Statistic<"fused", "fused", "programs that choose ids">,
    Statistic<"missed", "missed", "opportunities not taken, each with a remark">
  ];
}

#endif // QVL_TRANSFORMS_PASSES_TD
