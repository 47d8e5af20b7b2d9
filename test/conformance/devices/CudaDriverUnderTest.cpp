#include "CudaDriverUnderTest.h"

#include "qvlfmt/Sampling.h"
#include "test/unit/runtime/TestArtifacts.h"

#include <cstdio>
#include <cstdlib>
#include <dlfcn.h>
#include <fstream>
#include <iterator>

namespace qvlrt::test {

absl::StatusOr<std::unique_ptr<Device>> openSimulatedDevice() {
  absl::StatusOr<std::unique_ptr<Device>> device =
      createCudaDevice({.ordinal = 0, .driver = QVL_SIMULATED_CUDA_DRIVER});
  // The simulator is there on every machine: what a machine may lack is not an excuse.
  if (absl::IsFailedPrecondition(device.status()))
    return absl::InternalError(device.status().message());
  return device;
}

absl::StatusOr<std::unique_ptr<Device>> openRealDevice() {
  const char *driver = std::getenv("QVL_TEST_CUDA_DRIVER");
  return createCudaDevice({.ordinal = 0, .driver = driver ? driver : ""});
}

static std::string readText(const std::string &name) {
  // A program that was carried to another machine finds its checkout there.
  const char *source = std::getenv("QVL_TEST_SOURCE_DIR");
  std::ifstream file(std::string(source ? source : QVL_SOURCE_DIR) + "/test/conformance/devices/" +
                     name);
  return {std::istreambuf_iterator<char>(file), {}};
}

static std::unique_ptr<qvlfmt::CodeObjectT> codeObject(std::string chip, const std::string &text) {
  auto object = std::make_unique<qvlfmt::CodeObjectT>();
  object->feature_set = std::move(chip);
  object->bytes.assign(text.begin(), text.end());
  return object;
}

std::unique_ptr<qvlfmt::TargetT> cudaKernels() {
  std::unique_ptr<qvlfmt::TargetT> target = std::move(emptyArtifact().targets[0]);
  target->name = "cuda";
  target->objects.clear();
  target->objects.push_back(codeObject("sm_80", readText("TestKernels.ptx")));
  for (std::unique_ptr<qvlfmt::KernelT> &kernel : target->kernels)
    kernel->variants = {qvlfmt::KernelVariant(0)};
  return target;
}

std::unique_ptr<qvlfmt::TargetT> wideCudaKernels() {
  std::unique_ptr<qvlfmt::TargetT> target = cudaKernels();
  std::string text = readText("TestKernels.ptx") + readText("TestWideKernel.ptx");
  const std::string chip = "sm_80";
  text.replace(text.find(chip), chip.size(), "sm_90a");
  target->objects.push_back(codeObject("sm_90a", text));
  qvlfmt::KernelT &kernel = *target->kernels[kAffine];
  kernel.variants = {qvlfmt::KernelVariant(1), qvlfmt::KernelVariant(0)};
  auto map = std::make_unique<qvlfmt::TensorMapT>();
  map->element = qvlfmt::ElementType::F32;
  map->sizes = {8, 0};
  map->box = {8, 4};
  auto form = std::make_unique<qvlfmt::WideFormT>();
  form->object = 1;
  form->symbol = "affine_wide";
  form->least_tiles = kWideTiles;
  form->maps.push_back(std::move(map));
  kernel.wide.push_back(std::move(form));
  return target;
}

qvlfmt::ArtifactT twoTargetArtifact() {
  qvlfmt::ArtifactT artifact = testArtifact();
  std::unique_ptr<qvlfmt::TargetT> target = cudaKernels();
  for (const std::unique_ptr<qvlfmt::ProgramT> &program : artifact.targets[0]->programs)
    target->programs.push_back(std::make_unique<qvlfmt::ProgramT>(*program));
  artifact.targets.push_back(std::move(target));
  return artifact;
}

qvlfmt::ArtifactT choosingArtifact() {
  using qvlfmt::ElementType;
  qvlfmt::ArtifactT artifact = twoTargetArtifact();
  std::unique_ptr<qvlfmt::ProgramT> &decode = artifact.targets[1]->programs.back();
  ProgramBuilder b(std::move(decode));
  b.argument("seen", ElementType::I32, {-1, qvlfmt::seenWords(kVocab)});
  b.argument("sampling", ElementType::F32, {-1, qvlfmt::kSamplingSettings});
  b.argument("draws", ElementType::I64, {-1});
  const std::uint32_t ids = b.transient(ElementType::I32, {b.dim(0, 0)}, 0, 1);
  b.copy(/*from=*/0, ids); // of the tokens, argument 0
  b.result("ids", ids);
  decode = b.take();
  return artifact;
}

/// A function that only the simulator exports.
static void *simulatorFunction(const char *symbol) {
  void *library = dlopen(QVL_SIMULATED_CUDA_DRIVER, RTLD_NOW | RTLD_LOCAL);
  void *function = library ? dlsym(library, symbol) : nullptr;
  if (!function) {
    std::fprintf(stderr, "%s\n", dlerror());
    std::abort();
  }
  return function; // the library stays open: it counts
}
static std::uint64_t ask(const char *symbol) {
  return reinterpret_cast<std::uint64_t (*)()>(simulatorFunction(symbol))();
}

std::uint64_t simulatedCalls() { return ask("qvlPtxSimCalls"); }
std::uint64_t simulatedBytesToHost() { return ask("qvlPtxSimBytesToHost"); }
std::uint64_t simulatedLeaks() { return ask("qvlPtxSimLeaks"); }
std::uint64_t simulatedCallsOf(const char *symbol) {
  return reinterpret_cast<std::uint64_t (*)(const char *)>(simulatorFunction("qvlPtxSimCallsOf"))(
      symbol);
}

ScopedVariable::ScopedVariable(const char *name, const std::string &value) : name(name) {
  setenv(name, value.c_str(), 1);
}
ScopedVariable::~ScopedVariable() { unsetenv(name); }

} // namespace qvlrt::test
