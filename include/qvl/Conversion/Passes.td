// Passes between the dialects. A pass, its file, its test and its flag have one name.
#ifndef QVL_CONVERSION_PASSES_TD
#define QVL_CONVERSION_PASSES_TD

include "mlir/Pass/PassBase.td"

def SplitCachedAttentionPass : Pass<"qvl-split-cached-attention", "::mlir::ModuleOp"> {
  let summary = "The keys of a decode step dealt to many thread blocks";
  let description = [{
    For a GPU. A decode step has as many blocks of attention as sequences times key heads, which leave most of a GPU idle. Where a
    function becomes the program `decode`, `cached_attention` becomes `cached_attention_splits` and `merge_splits`; the programs that it
    becomes beside keep their function, and `decode` gets a copy.

    The number of splits is static: what brings the blocks of one row to 128, about the multiprocessors of the large GPUs, and no more than
    blocks of 64 keys in `max-context`. Attention whose splits would be one stays whole, with a remark. A row's result thus depends
    on its own tokens and on nothing of its batch, and a launch has the same blocks in every step: those without keys return.

    ```mlir
    // before
    func.func @language(…) attributes {qvl.programs = ["prefill", "decode"]} {
      %a = qvl.cached_attention %q, %c layer(%l) sequences(…) {scale = 0.088 : f64} : tensor<?x16x128xbf16>, … -> tensor<?x2048xbf16>
    // after: the same with the program prefill alone, and
    func.func @language_decode(…) attributes {qvl.programs = ["decode"]} {
      %w, %o = qvl.cached_attention_splits %q, %c layer(%l) sequences(…) {scale = 0.088 : f64}
          : tensor<?x16x128xbf16>, … -> tensor<?x64x16x2xf32>, tensor<?x64x16x128xf32>
      %a = qvl.merge_splits %w, %o : tensor<?x64x16x2xf32>, tensor<?x64x16x128xf32> -> tensor<?x2048xbf16>
    ```
  }];
  let options = [
    Option<"maxContext", "max-context", "int64_t", "0", "The most tokens of a sequence; 0: no bound is known">
  ];
  let dependentDialects = ["::mlir::func::FuncDialect"];
  let statistics = [
    Statistic<"attentions", "split", "attentions split">,
    Statistic<"whole", "whole", "attentions not split, each with a remark">
  ];
}

def OutlineKernelsPass : Pass<"qvl-outline-kernels", "::mlir::ModuleOp"> {
  let summary = "Functions of qvl ops to programs that launch kernels";
  let description = [{
    Turns every function into one `qvlx.program` (or into one for each name in its `qvl.programs` attribute) and every compute op into a launch of a
    `qvlx.kernel`. Kernels are keyed by the op with its static sizes, element types, attributes and weight encodings, so equal layers share
    them. Ops that only change the shape of the same memory (`merge_rows`, `split_heads` with one part) become views. Sizes of transient
    buffers come from `ReifyRankedShapedTypeOpInterface` and end as arithmetic on sizes of program arguments. Parameters
    become `qvlx.data`; they need encodings. A cache is one buffer that appends change in place, so every op has to take the cache that the
    last append gave.

    Grids and scratch memory are those of the option `target`. For `cuda` the program `decode` is made on its own: its projections and its
    attention over the cache are launched on few rows, so their kernels carry `qvl.few_rows` and are keyed by it. Other kernels are shared.

    ```mlir
    // before
    func.func @norm(%x: tensor<?x128xf32> {qvl.name = "x"}) -> (tensor<?x128xf32> {qvl.name = "y"}) {
      %w = qvl.load @w : tensor<128xbf16>
      %y = qvl.rms_norm %x, %w {eps = 1.0e-6 : f64} : tensor<?x128xf32>, tensor<128xbf16> -> tensor<?x128xf32>
      return %y : tensor<?x128xf32>
    }
    // after
    qvlx.program @norm arguments ["x"] results ["y"] {
    ^bb0(%x: !qvlx.buffer<?x128xf32>):
      %w = qvlx.weight @w : !qvlx.buffer<128xbf16>
      %t = qvlx.dim %x, 0 : !qvlx.buffer<?x128xf32>
      %y = qvlx.alloc(%t) : !qvlx.buffer<?x128xf32>
      %c16 = qvlx.constant 16
      %grid = qvlx.ceildiv %t, %c16
      qvlx.launch @rms_norm_128 grid(%grid) ins(%x, %w : …) outs(%y : …) scalars(%t, %t)
      qvlx.return %y : !qvlx.buffer<?x128xf32>
    }
    ```
  }];
  let options = [
    Option<"target", "target", "std::string", "\"cpu\"", "The kind of target: cpu or cuda">
  ];
  let dependentDialects = ["::mlir::qvlx::QvlxDialect", "::mlir::func::FuncDialect"];
  let statistics = [
    Statistic<"kernels", "kernels", "distinct kernels">,
    Statistic<"launches", "launches", "launches of all programs">,
    Statistic<"views", "views", "ops that became views">
  ];
}

def CodegenX86Pass : Pass<"qvl-codegen-x86", "::mlir::ModuleOp"> {
  let summary = "Kernels to x86-64 shared objects, one per feature set";
  let description = [{
    Compiles the function in every `qvlx.kernel` for each feature set and adds one `qvlx.object` per feature set; the kernels keep their
    signature and lose their body. The object of a level (`v3`, `v4`) holds every kernel. That of an extension (`v4+bf16`) holds those
    whose code differs, beside an object of its level: projections of bf16 rows by bf16 weights, attention in bf16. Without any there is none.

    ```mlir
    // before
    qvlx.kernel @rms_norm_128 buffers(3) scalars(2) scratch(0) { func.func @rms_norm_128(…) … }
    // after
    qvlx.kernel @rms_norm_128 buffers(3) scalars(2) scratch(0) { }
    qvlx.object @cpu.v3 feature_set("v3") kernels([@rms_norm_128]) bytes(dense<"0x7F454C46…"> : tensor<9216xi8>)
    ```
  }];
  let options = [
    ListOption<"featureSets", "feature-sets", "std::string", "Feature sets to compile for, 'native' for the best of this machine (default: all)">,
    Option<"dumpDirectory", "dump-kernels-to", "std::string", "\"\"", "Write KERNEL.mlir, .ll and .s of each feature set here">
  ];
  let dependentDialects = ["::mlir::qvlx::QvlxDialect"];
  let statistics = [Statistic<"objects", "objects", "shared objects made">];
}

def CodegenNVPTXPass : Pass<"qvl-codegen-nvptx", "::mlir::ModuleOp"> {
  let summary = "Kernels to PTX, one module per GPU architecture";
  let description = [{
    Compiles the function in every `qvlx.kernel`, outlined for the target `cuda`, for each architecture and adds one `qvlx.object` per
    architecture with the PTX text of them all; the kernels keep their signature and lose their body. Needs no CUDA installation.

    For each architecture in `cubins` NVIDIA's assembler turns the best text that runs there into machine code, which is one object more.
    That ties the bytes of the result to the version of the assembler, so it is never done unasked.

    ```mlir
    // before
    qvlx.kernel @rms_norm_128 buffers(3) scalars(2) scratch(0) { func.func @rms_norm_128(…) … }
    // after
    qvlx.kernel @rms_norm_128 buffers(3) scalars(2) scratch(0) { }
    qvlx.object @cuda.sm_80 feature_set("sm_80") kernels([@rms_norm_128]) bytes(dense<"0x2F2F0A2F…"> : tensor<4096xi8>)
    ```
  }];
  let options = [
    ListOption<"chips", "chips", "std::string", "GPU architectures to compile for (default: sm_80)">,
    ListOption<"cubins", "cubins", "std::string", "GPU architectures to add machine code for">,
    Option<"assembler", "ptxas", "std::string", "\"ptxas\"", "NVIDIA's assembler, for cubins">,
    Option<"dumpDirectory", "dump-kernels-to", "std::string", "\"\"", "Write KERNEL.mlir, .ll and .ptx of each architecture here">
  ];
  let dependentDialects = ["::mlir::qvlx::QvlxDialect"];
  let statistics = [Statistic<"objects", "objects", "PTX modules made">,
                    Statistic<"machineObjects", "cubins-made", "Cubins made">];
}

#endif // QVL_CONVERSION_PASSES_TD
