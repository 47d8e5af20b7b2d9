// Kernels of an artifact's target, loaded by the driver.
#pragma once

#include "Driver.h"
#include "qvlrt/device.h"

#include <map>
#include <vector>

namespace qvlrt {

/// What a GPU says about the code that it runs.
struct ComputeCapability {
  int major = 0, minor = 0;
  int maxShared = 0; // bytes of shared memory that a block may opt into

  int number() const { return 10 * major + minor; }
};

/// Modules and functions. Their context is current when it is made, used and destroyed.
class CudaKernels final : public LoadedKernels {
public:
  struct Function {
    CUfunction function = nullptr;
    unsigned threads = 1;     // of a block
    unsigned sharedBytes = 0; // dynamic, of a block
  };
  struct Entry {
    Function narrow, wide;
    const qvlfmt::WideForm *wideForm = nullptr; // of the loaded variant; none: there is no `wide`

    bool isWide(std::int64_t tiles) const {
      return wideForm && static_cast<std::uint64_t>(tiles) >= wideForm->least_tiles();
    }
  };

  /// Loads the first variant of each kernel that the GPU runs. An object is PTX text or a cubin; a
  /// cubin that the driver refuses and text that is too new for it are passed over. `artifact`
  /// names the file in errors. Errors: FailedPrecondition (no variant fits), InvalidArgument (an
  /// object does not load, a symbol is missing, too much scratch), those of the driver.
  static absl::StatusOr<std::unique_ptr<CudaKernels>>
  load(const Driver &driver, const ComputeCapability &capability, CUcontext context,
       const qvlfmt::Target &target, std::string_view artifact);
  ~CudaKernels() override;

  std::uint32_t size() const override { return static_cast<std::uint32_t>(entries.size()); }
  const Entry &entry(std::uint32_t kernel) const { return entries[kernel]; }
  const qvlfmt::Target &target() const { return code; }

private:
  CudaKernels(const Driver &driver, CUcontext context, const qvlfmt::Target &target)
      : driver(driver), context(context), code(target) {}
  absl::Status loadEntry(const qvlfmt::Kernel &kernel, const ComputeCapability &capability);
  absl::StatusOr<CUmodule> loadObject(std::uint32_t number);
  /// The number of the object of the variant to use, which is loaded then.
  absl::StatusOr<std::uint32_t> chooseObject(const qvlfmt::Kernel &kernel,
                                             const ComputeCapability &capability);
  absl::StatusOr<Function> loadFunction(CUmodule module, const char *symbol, std::uint64_t shared,
                                        const ComputeCapability &capability) const;
  std::string offeredTargets() const;

  const Driver &driver;
  CUcontext context;                         // borrowed from the device
  const qvlfmt::Target &code;                // borrowed from the module
  std::map<std::uint32_t, CUmodule> modules; // owned, by object; null for those passed over
  std::vector<Entry> entries;
};

/// Whether a GPU runs a code object: PTX for "sm_80" there and on all later ones, PTX for "sm_90a"
/// and a cubin only on their own. Nothing runs whose feature set is not of this form.
bool runsObject(const qvlfmt::CodeObject &object, const ComputeCapability &capability);

/// Whether each kernel of a verified target has a variant for the GPU.
bool runsKernels(const qvlfmt::Target &target, const ComputeCapability &capability);

} // namespace qvlrt
