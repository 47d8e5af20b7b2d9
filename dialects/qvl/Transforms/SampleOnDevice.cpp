// qvl-sample-on-device: the decode program ends with the choice of the ids.

#include "dialects/qvl/Fusion/FusionReport.h"
#include "dialects/qvl/IR/EntryPrograms.h"
#include "dialects/qvl/Transforms/Passes.h"
#include "qvlfmt/Sampling.h"

#include "mlir/IR/ImplicitLocOpBuilder.h"

using namespace mlir;
using namespace mlir::qvl;

namespace mlir::qvl {
#define GEN_PASS_DEF_SAMPLEONDEVICEPASS
#include "dialects/qvl/Transforms/Passes.h.inc"
} // namespace mlir::qvl

/// Columns of a block: enough work for a thread block, and some tens of blocks for a vocabulary.
static constexpr int64_t kBlockColumns = 4096;

static constexpr StringLiteral kIdsName = "ids";

static StringRef resultName(func::FuncOp function, unsigned result) {
  auto name = function.getResultAttrOfType<StringAttr>(result, kNameAttr);
  return name ? name.getValue() : StringRef();
}

static bool hasResult(func::FuncOp function, StringRef name) {
  return llvm::any_of(llvm::seq(function.getNumResults()),
                      [&](unsigned i) { return resultName(function, i) == name; });
}

/// The result "logits", f32 [?, V]; null when there is none.
static Value findLogits(func::FuncOp function) {
  if (!function.getBody().hasOneBlock())
    return nullptr;
  for (unsigned i = 0; i < function.getNumResults(); ++i) {
    auto type = dyn_cast<RankedTensorType>(function.getResultTypes()[i]);
    if (resultName(function, i) == "logits" && type && type.getRank() == 2 &&
        type.getElementType().isF32() && !type.isDynamicDim(1))
      return function.front().getTerminator()->getOperand(i);
  }
  return nullptr;
}

static Value addArgument(func::FuncOp function, StringRef name, Type type) {
  unsigned number = function.getNumArguments();
  Builder builder(function.getContext());
  auto attributes =
      builder.getDictionaryAttr(builder.getNamedAttr(kNameAttr, builder.getStringAttr(name)));
  (void)function.insertArgument(number, type, attributes, function.getLoc());
  return function.getArgument(number);
}

/// Lets a function of logits return ids too.
static void appendSampling(func::FuncOp function, Value logits) {
  Operation *end = function.front().getTerminator();
  Location name = NameLoc::get(StringAttr::get(function.getContext(), "sampling"));
  ImplicitLocOpBuilder b(name, end);
  int64_t vocab = cast<RankedTensorType>(logits.getType()).getDimSize(1);
  int64_t blocks = llvm::divideCeil(vocab, kBlockColumns);
  auto rows = [](int64_t columns, Type element) {
    return RankedTensorType::get({ShapedType::kDynamic, columns}, element);
  };
  auto list = [](Type element) { return RankedTensorType::get({ShapedType::kDynamic}, element); };
  Type f32 = b.getF32Type(), i32 = b.getI32Type();
  Value seen = addArgument(function, "seen", rows(qvlfmt::seenWords(vocab), i32));
  Value settings = addArgument(function, "sampling", rows(qvlfmt::kSamplingSettings, f32));
  Value draws = addArgument(function, "draws", list(b.getI64Type()));
  auto best = ArgmaxOp::create(b, rows(blocks, f32), rows(blocks, i32), logits, seen, settings,
                               kBlockColumns);
  Value ids = SampleOp::create(b, list(i32), logits, seen, settings, draws, best.getValues(),
                               best.getIds());
  // In front of the cache, which is no result of a program.
  unsigned place = 0;
  while (end->getOperand(place) != logits)
    ++place;
  end->insertOperands(place + 1, ids);
  auto attributes =
      b.getDictionaryAttr(b.getNamedAttr(kNameAttr, b.getStringAttr(StringRef(kIdsName))));
  (void)function.insertResult(place + 1, ids.getType(), attributes);
}

namespace {

struct SampleOnDevice : mlir::qvl::impl::SampleOnDevicePassBase<SampleOnDevice> {
  void runOnOperation() override {
    FusionReport report(*this, fused, missed);
    for (auto function : llvm::to_vector(getOperation().getOps<func::FuncOp>())) {
      if (!llvm::is_contained(programNames(function), kDecodeProgram) ||
          hasResult(function, kIdsName))
        continue;
      if (!findLogits(function)) {
        (void)report.missed(function, "the program has no result logits of f32");
        continue;
      }
      func::FuncOp decode = separateProgram(function, kDecodeProgram);
      appendSampling(decode, findLogits(decode));
      report.passed(decode.getLoc(), "the program 'decode' chooses the ids");
    }
  }
};

} // namespace
