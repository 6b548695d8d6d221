// The kernels that compute 3x3 convolutions: Winograd's, or the direct ones that they are compared with.

/// `network.convolution`. The sums are the same; their order and the rounding differ (docs/numerics.md).
package enum ConvolutionAlgorithm: String, Sendable, CaseIterable {
  /// F(4x4, 3x3): 36 products for 16 outputs.
  case winograd
  /// 144 products for 16 outputs, each output one chain of sums in plain order; several times slower.
  case direct
}
