// The connection of a training step with the rest of a rank: what layers announce goes to the reduction, the trace and
// the watchdog.
import Cluster
import Compute
import Foundation

final class ReductionHooks: ParameterSynchronization {
  private let reduction: BucketedReduction
  private let trace: Trace
  private let activity: Activity
  private let table: ParameterTable
  /// Called between stages once the reports of all ranks have arrived, until it is nil.
  var whenAgreed: (() -> Void)?
  /// Takes checksums of the gradients where it is set.
  var checksums: GradientChecksums?
  /// Corrupts the next stored gradient: fault injection.
  var corrupt: ((_ offset: Int) -> Void)?

  init(_ reduction: BucketedReduction, _ trace: Trace, _ activity: Activity) {
    self.reduction = reduction
    self.trace = trace
    self.activity = activity
    table = reduction.plan.table
  }

  func need(_ layer: LayerParameters) {
    activity.stage = Stage(layer.name, .convolution, .forward)
    activity.isWaiting = true
    reduction.waitForWeights(of: layer.indices)
    activity.isWaiting = false
  }

  func gradientIsComplete(of layer: LayerParameters) {
    if let corrupt, let stored = layer.indices.first(where: { table.parameters[$0].gradient == .stored }) {
      corrupt(table.offsets[stored])
      self.corrupt = nil
    }
    checksums?.add(layer)
    for parameter in layer.indices { reduction.gradientIsComplete(of: parameter) }
  }

  func reached(_ stage: Stage) {
    trace.stage(stage)
    activity.stage = stage
    if let whenAgreed, reduction.canAgree {
      self.whenAgreed = nil
      whenAgreed()
    }
    reduction.advance()
  }
}
