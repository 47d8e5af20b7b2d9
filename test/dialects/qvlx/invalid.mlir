// RUN: qvl-opt %s --split-input-file --verify-diagnostics

// program_c1
// expected-error @below {{has 2 names for 1 arguments}}
qvlx.program @program_c1_count arguments ["x", "y"] results [] {
^bb0(%x: !qvlx.buffer<4xf32>):
  qvlx.return
}

// -----

// program_c1
// expected-error @below {{names the argument "x" twice}}
qvlx.program @program_c1_twice arguments ["x", "x"] results [] {
^bb0(%x: !qvlx.buffer<4xf32>, %y: !qvlx.buffer<4xf32>):
  qvlx.return
}

// -----

// program_c2
// expected-error @below {{argument 0 must be a buffer, got 'index'}}
qvlx.program @program_c2 arguments ["x"] results [] {
^bb0(%x: index):
  qvlx.return
}

// -----

// program_c3
// expected-error @below {{returns 0 buffers for 1 result names}}
qvlx.program @program_c3_results arguments ["x"] results ["y"] {
^bb0(%x: !qvlx.buffer<4xf32>):
  qvlx.return
}

// -----

// kernel_c1
// expected-error @below {{needs at least one buffer, and no negative count}}
qvlx.kernel @kernel_c1 buffers(0) scalars(1) scratch(0) {
}

// -----

// object_c1
// expected-error @below {{'k' does not name a qvlx.kernel}}
qvlx.object @object_c1 feature_set("v3") kernels([@k]) bytes(dense<0> : tensor<4xi8>)

// -----

// object_c2
qvlx.kernel @k buffers(1) scalars(1) scratch(0) {
}
// expected-error @below {{has a wide form of 'other', which is not one of its kernels}}
qvlx.object @object_c2_kernel feature_set("sm_90a") kernels([@k]) wide([#qvlx.wide_form<kernel = @other, symbol = "w", least_tiles = 1, shared = 0, maps = []>]) bytes(dense<0> : tensor<4xi8>)

// -----

// object_c2
qvlx.kernel @k buffers(1) scalars(1) scratch(0) {
}
// expected-error @below {{has a wide form of 'k' with tensor maps of operands that the kernel lacks}}
qvlx.object @object_c2_buffer feature_set("sm_90a") kernels([@k]) wide([#qvlx.wide_form<kernel = @k, symbol = "w", least_tiles = 1, shared = 0, maps = [#qvlx.tensor_map<buffer = 1, element = f32, sizes = [8], scalar = 0, box = [8], swizzle = 0>]>]) bytes(dense<0> : tensor<4xi8>)

// -----

// object_c2
qvlx.kernel @k buffers(1) scalars(1) scratch(0) {
}
// expected-error @below {{has a wide form of 'k' with tensor maps of operands that the kernel lacks}}
qvlx.object @object_c2_scalar feature_set("sm_90a") kernels([@k]) wide([#qvlx.wide_form<kernel = @k, symbol = "w", least_tiles = 1, shared = 0, maps = [#qvlx.tensor_map<buffer = 0, element = f32, sizes = [8, 0], scalar = 1, box = [8, 4], swizzle = 0>]>]) bytes(dense<0> : tensor<4xi8>)

// -----

// expected-error @below {{a tensor map has at least one size, and a box of as many}}
#map = #qvlx.tensor_map<buffer = 0, element = f32, sizes = [8, 0], scalar = 0, box = [8], swizzle = 0>

// -----

// expected-error @below {{the sizes of a tensor map are positive, or 0 for the last}}
#map = #qvlx.tensor_map<buffer = 0, element = f32, sizes = [0, 8], scalar = 0, box = [8, 8], swizzle = 0>

// -----

// expected-error @below {{a tensor map has no negative number}}
#map = #qvlx.tensor_map<buffer = -1, element = f32, sizes = [8], scalar = 0, box = [8], swizzle = 0>

// -----

// expected-error @below {{a wide form has no negative number}}
#form = #qvlx.wide_form<kernel = @k, symbol = "w", least_tiles = -1, shared = 0, maps = []>

// -----

// expected-error @below {{the maps of a wide form are #qvlx.tensor_map}}
#form = #qvlx.wide_form<kernel = @k, symbol = "w", least_tiles = 1, shared = 0, maps = [1]>

// -----

// data_c1
// expected-error @below {{shape must be static}}
qvlx.data @data_c1 : !qvlx.buffer<?xf32> sources(["w"]) encoding("flat")

// -----

qvlx.program @dim_c1_static arguments ["x"] results [] {
^bb0(%x: !qvlx.buffer<?x4xf32>):
  // dim_c1
  // expected-error @below {{dimension 1 of '!qvlx.buffer<?x4xf32>' must exist and be dynamic}}
  %0 = qvlx.dim %x, 1 : <?x4xf32>
  qvlx.return
}

// -----

qvlx.program @dim_c1_missing arguments ["x"] results [] {
^bb0(%x: !qvlx.buffer<?x4xf32>):
  // dim_c1
  // expected-error @below {{dimension 2 of '!qvlx.buffer<?x4xf32>' must exist and be dynamic}}
  %0 = qvlx.dim %x, 2 : <?x4xf32>
  qvlx.return
}

// -----

qvlx.program @dim_c2 arguments ["x"] results [] {
^bb0(%x: !qvlx.buffer<?x4xf32>):
  %t = qvlx.dim %x, 0 : <?x4xf32>
  %a = qvlx.alloc(%t) : <?x4xf32>
  // dim_c2
  // expected-error @below {{the buffer must be an argument of the program}}
  %0 = qvlx.dim %a, 0 : <?x4xf32>
  qvlx.return
}

// -----

qvlx.program @constant_c1 arguments ["x"] results [] {
^bb0(%x: !qvlx.buffer<?x4xf32>):
  // constant_c1
  // expected-error @below {{a size must not be negative, got -1}}
  %0 = qvlx.constant -1
  qvlx.return
}

// -----

qvlx.program @alloc_c1 arguments ["x"] results [] {
^bb0(%x: !qvlx.buffer<?x4xf32>):
  // alloc_c1
  // expected-error @below {{has 0 sizes for 1 dynamic dimensions of '!qvlx.buffer<?x4xf32>'}}
  %a = qvlx.alloc() : <?x4xf32>
  qvlx.return
}

// -----

qvlx.program @view_c1 arguments ["x"] results [] {
^bb0(%x: !qvlx.buffer<?x4xf32>):
  // view_c1
  // expected-error @below {{has 0 sizes for 1 dynamic dimensions of '!qvlx.buffer<?x8xf32>'}}
  %a = qvlx.view %x() : <?x4xf32> -> <?x8xf32>
  qvlx.return
}

// -----

qvlx.program @view_c2 arguments ["x"] results [] {
^bb0(%x: !qvlx.buffer<4x4xf32>):
  // view_c2
  // expected-error @below {{element types of '!qvlx.buffer<4x4xf32>' and '!qvlx.buffer<16xi32>' must be equal}}
  %a = qvlx.view %x() : <4x4xf32> -> <16xi32>
  qvlx.return
}

// -----

qvlx.program @weight_c1 arguments ["x"] results [] {
^bb0(%x: !qvlx.buffer<4xf32>):
  // weight_c1
  // expected-error @below {{'w' does not name a qvlx.data}}
  %a = qvlx.weight @w : <4xf32>
  qvlx.return
}

// -----

qvlx.data @w : !qvlx.buffer<8xf32> sources(["w"]) encoding("flat")
qvlx.program @weight_c2 arguments ["x"] results [] {
^bb0(%x: !qvlx.buffer<4xf32>):
  // weight_c2
  // expected-error @below {{differs from the data's type}}
  %a = qvlx.weight @w : <4xf32>
  qvlx.return
}

// -----

qvlx.program @launch_c1 arguments ["x"] results [] {
^bb0(%x: !qvlx.buffer<4xf32>):
  %c = qvlx.constant 1
  // launch_c1
  // expected-error @below {{'k' does not name a qvlx.kernel}}
  qvlx.launch @k grid(%c) ins(%x : !qvlx.buffer<4xf32>)
  qvlx.return
}

// -----

qvlx.kernel @k buffers(2) scalars(0) scratch(0) {
}
qvlx.program @launch_c2 arguments ["x"] results [] {
^bb0(%x: !qvlx.buffer<4xf32>):
  %c = qvlx.constant 1
  // launch_c2
  // expected-error @below {{has 1 buffers and 0 scalars for a kernel of 2 and 0}}
  qvlx.launch @k grid(%c) ins(%x : !qvlx.buffer<4xf32>)
  qvlx.return
}

// -----

qvlx.program @copy_c1 arguments ["x", "y"] results [] {
^bb0(%x: !qvlx.buffer<4xf32>, %y: !qvlx.buffer<8xf32>):
  // copy_c1
  // expected-error @below {{buffers must have one type}}
  qvlx.copy %x, %y : <4xf32>, <8xf32>
  qvlx.return
}

// -----

/// The buffer type itself.

// expected-error @below {{elements of a buffer must be f32, bf16, f16, i8, i32 or i64, got 'f64'}}
qvlx.data @element : !qvlx.buffer<4xf64> sources(["w"]) encoding("flat")
