// Which kernels compute the 3x3 layers: Winograd's, or the plain ones that they are compared with.
import Compute
import Kernels

/// A convolution with weights that are prepared once: forward pass or data gradient.
package enum ConvolutionPlan: Sendable {
  case winograd(WinogradConvolution)
  case direct(DirectConvolution)

  package init(
    _ algorithm: ConvolutionAlgorithm, images: Int, inputChannels: Int, outputChannels: Int, height: Int, width: Int
  ) {
    switch algorithm {
    case .winograd:
      self = .winograd(
        WinogradConvolution(
          images: images, inputChannels: inputChannels, outputChannels: outputChannels, height: height, width: width))
    case .direct:
      self = .direct(
        DirectConvolution(
          images: images, inputChannels: inputChannels, outputChannels: outputChannels, height: height, width: width))
    }
  }

  package var preparedCount: Int {
    switch self {
    case .winograd(let plan): plan.preparedCount
    case .direct(let plan): plan.preparedCount
    }
  }

  /// Brings weights into the kernel's form; `rotated` as in `WinogradConvolution.prepare`.
  package func prepare(
    _ weights: UnsafePointer<Float>, rotated: Bool, into prepared: UnsafeMutablePointer<Float>,
    context: ExecutionContext
  ) {
    switch self {
    case .winograd(let plan):
      context.run(plan.preparationTasks) { plan.prepare(weights, rotated: rotated, into: prepared, task: $0) }
    case .direct(let plan):
      context.run(plan.preparationTasks) { plan.prepare(weights, rotated: rotated, into: prepared, task: $0) }
    }
  }

  /// output = convolution of input + bias, rectified at 0 if asked.
  package func apply(
    _ input: UnsafePointer<Float>, prepared: UnsafePointer<Float>, bias: UnsafePointer<Float>?, rectified: Bool,
    into output: UnsafeMutablePointer<Float>, context: ExecutionContext
  ) {
    switch self {
    case .winograd(let plan):
      context.run(plan.tasks, scratch: plan.scratchFloats) { task, scratch in
        plan.apply(
          input, prepared: prepared, bias: bias, rectified: rectified, into: output, task: task, scratch: scratch)
      }
    case .direct(let plan):
      context.run(plan.tasks, scratch: plan.scratchFloats) { task, scratch in
        plan.apply(
          input, prepared: prepared, bias: bias, rectified: rectified, into: output, task: task, scratch: scratch)
      }
    }
  }
}

/// The gradient of a convolution by its weights.
package enum WeightGradientPlan: Sendable {
  case winograd(WinogradWeightGradient)
  case direct(DirectWeightGradient)

  package init(
    _ algorithm: ConvolutionAlgorithm, images: Int, inputChannels: Int, outputChannels: Int, height: Int, width: Int
  ) {
    switch algorithm {
    case .winograd:
      self = .winograd(
        WinogradWeightGradient(
          images: images, inputChannels: inputChannels, outputChannels: outputChannels, height: height, width: width))
    case .direct:
      self = .direct(
        DirectWeightGradient(
          images: images, inputChannels: inputChannels, outputChannels: outputChannels, height: height, width: width))
    }
  }

  /// The floats that the context's workspace must hold.
  package var workspaceFloats: Int {
    switch self {
    case .winograd(let plan): plan.workspaceFloats
    case .direct: 0
    }
  }

  /// `gradient` [K][C][3][3] is overwritten; the context's workspace too.
  package func sum(
    input: UnsafePointer<Float>, outputGradient: UnsafePointer<Float>, into gradient: UnsafeMutablePointer<Float>,
    context: ExecutionContext
  ) {
    switch self {
    case .winograd(let plan):
      let workspace = context.workspace
      context.run(plan.accumulationTasks, scratch: plan.scratchFloats) { task, scratch in
        plan.accumulate(
          input: input, outputGradient: outputGradient, workspace: workspace, task: task, scratch: scratch)
      }
      context.run(plan.finishTasks, scratch: plan.scratchFloats) { task, scratch in
        plan.finish(workspace: workspace, into: gradient, task: task, scratch: scratch)
      }
    case .direct(let plan):
      context.run(plan.tasks, scratch: plan.scratchFloats) { task, scratch in
        plan.sum(input: input, outputGradient: outputGradient, into: gradient, task: task, scratch: scratch)
      }
    }
  }
}
