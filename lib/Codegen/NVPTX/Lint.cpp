#include "PtxText.h"

#include "mlir/IR/Diagnostics.h"
#include "llvm/IR/InstIterator.h"
#include "llvm/IR/Instructions.h"
#include "llvm/IR/Intrinsics.h"

namespace mlir::qvl {
namespace {

/// Math that NVPTX has no instruction for: selecting it ends the process.
bool isUnsupportedMath(llvm::Intrinsic::ID intrinsic) {
  switch (intrinsic) {
  case llvm::Intrinsic::exp:
  case llvm::Intrinsic::exp10:
  case llvm::Intrinsic::log:
  case llvm::Intrinsic::log2:
  case llvm::Intrinsic::log10:
  case llvm::Intrinsic::sin:
  case llvm::Intrinsic::cos:
  case llvm::Intrinsic::tanh:
  case llvm::Intrinsic::pow:
  case llvm::Intrinsic::powi:
    return true;
  default:
    return false;
  }
}

LogicalResult lintCall(const llvm::CallInst &call, Location location) {
  const llvm::Function *callee = call.getCalledFunction();
  if (call.isInlineAsm())
    return success();
  StringRef kernel = call.getFunction()->getName();
  if (!callee)
    return emitError(location) << "kernel '" << kernel << "' would call through a pointer";
  if (!callee->isIntrinsic() || isUnsupportedMath(callee->getIntrinsicID()))
    return emitError(location) << "kernel '" << kernel << "' would call '" << callee->getName()
                               << "', which GPUs lack";
  return success();
}

/// Instructions that kernels may have, by the front of their opcode: all of it or up to a dot. What
/// is missing here would be slow (generic addresses, local memory, calls), not be what an emitter
/// meant (approximations of sin), or is not used.
constexpr StringLiteral kOpcodes[] = {
    // Numbers and predicates.
    "abs", "add", "and", "bfe", "bfi", "bfind", "brev", "clz", "copysign", "cvt", "div", "fma",
    "mad", "max", "min", "mov", "mul", "neg", "not", "or", "popc", "prmt", "rem", "selp", "setp",
    "shf", "shl", "shr", "sub", "xor", "ex2.approx", "lg2.approx", "rcp", "rsqrt.approx", "sqrt",
    // Memory; state spaces are looked at apart.
    "atom", "ld", "red", "st", "fence", "membar", "cp.async.ca", "cp.async.cg",
    "cp.async.commit_group", "cp.async.wait_all", "cp.async.wait_group",
    // Threads, warps and blocks.
    "bar", "barrier.sync", "bra", "ret", "exit", "redux.sync", "shfl.sync", "vote.sync",
    "ldmatrix.sync", "mma.sync"};

/// Those that only the chips with warpgroups have, in addition.
constexpr StringLiteral kWarpgroupOpcodes[] = {"barrier.cluster",
                                               "cp.async.bulk",
                                               "cp.async.mbarrier",
                                               "cvta.param",
                                               "cvta.shared",
                                               "cvta.to.shared::cluster",
                                               "elect.sync",
                                               "griddepcontrol",
                                               "mapa",
                                               "mbarrier",
                                               "prefetch.tensormap",
                                               "setmaxnreg",
                                               "wgmma"};

bool startsWithAny(StringRef opcode, ArrayRef<StringLiteral> fronts) {
  return llvm::any_of(fronts, [&](StringRef front) {
    return opcode.starts_with(front) &&
           (opcode.size() == front.size() || opcode[front.size()] == '.');
  });
}

/// Whether a memory instruction says that its address is in global or shared memory or a parameter.
bool namesMemory(StringRef opcode) {
  SmallVector<StringRef> parts;
  opcode.split(parts, '.');
  return llvm::any_of(parts, [](StringRef part) {
    return part == "global" || part == "param" || part.split("::").first == "shared";
  });
}

bool isAllowed(StringRef opcode, const NVPTXChip &chip) {
  if (startsWithAny(opcode, {"atom", "ld", "red", "st"}) && !namesMemory(opcode))
    return false;
  return startsWithAny(opcode, kOpcodes) ||
         (chip.hasWarpgroups && startsWithAny(opcode, kWarpgroupOpcodes));
}

/// The opcode of a statement without braces, label and guard in front of it; empty for directives
/// and for what only continues a statement.
StringRef opcodeOf(StringRef statement) {
  for (StringRef before; before.size() != statement.size();) {
    before = statement;
    statement = statement.ltrim("{} \t");
    if (statement.starts_with("@"))
      statement = statement.drop_until(llvm::isSpace).ltrim();
    StringRef word = statement.take_while([](char c) { return !llvm::isSpace(c); });
    if (word.size() > 1 && word.ends_with(":"))
      statement = statement.drop_front(word.size()).ltrim();
  }
  if (statement.empty() || !llvm::isLower(statement.front()))
    return {};
  return statement.take_while([](char c) { return !llvm::isSpace(c); });
}

LogicalResult lintDeclaration(StringRef line, Location location) {
  if (line.starts_with(".extern") && !line.starts_with(".extern .shared"))
    return emitError(location) << "a kernel needs what no module has: '" << line << "'";
  if (line.starts_with(".local"))
    return emitError(location) << "a kernel needs local memory: '" << line << "'";
  return success();
}

} // namespace

LogicalResult lintIR(const llvm::Module &module, Location location) {
  for (const llvm::Function &function : module)
    for (const llvm::Instruction &instruction : llvm::instructions(function)) {
      if (isa<llvm::AllocaInst>(instruction))
        return emitError(location)
               << "kernel '" << function.getName() << "' would keep values in local memory";
      if (auto *call = dyn_cast<llvm::CallInst>(&instruction);
          call && failed(lintCall(*call, location)))
        return failure();
    }
  return success();
}

LogicalResult lintPtx(StringRef text, const NVPTXChip &chip, Location location) {
  for (StringRef rest = text; !rest.empty();) {
    StringRef line;
    std::tie(line, rest) = rest.split('\n');
    line = line.split("//").first.trim();
    if (failed(lintDeclaration(line, location)))
      return failure();
    // Assembly that emitters wrote has several statements in a line.
    for (StringRef statements = line; !statements.empty();) {
      StringRef statement;
      std::tie(statement, statements) = statements.split(';');
      if (StringRef opcode = opcodeOf(statement); !opcode.empty() && !isAllowed(opcode, chip))
        return emitError(location)
               << "'" << opcode << "' is no instruction of kernels for " << chip.name;
    }
  }
  return success();
}

} // namespace mlir::qvl
