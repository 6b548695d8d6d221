// What the layers say while they compute, passed on to the reduction, the timeline and the watchdog.
import Cluster
import Foundation
import Networks
import Compute

final class ReductionHooks: ParameterSynchronization {
  private let reduction: BucketedReduction
  private let trace: Trace
  private let activity: Activity
  /// The parameters of each layer that the phase trains.
  private let parameters: [String: [Int]]
  private let table: ParameterTable
  /// Called between stages once all ranks' words are there, until it is nil.
  var whenAgreed: (() -> Void)?
  /// Takes words of the gradients.
  var words: GradientChecksums?
  /// A drill: spoils the next gradient.
  var spoil: ((_ offset: Int) -> Void)?

  init(_ reduction: BucketedReduction, _ trace: Trace, _ activity: Activity) {
    self.reduction = reduction
    self.trace = trace
    self.activity = activity
    table = reduction.plan.table
    parameters = Dictionary(grouping: table.parameters.indices) { [table] in table.parameters[$0].layer }
  }

  func need(_ layer: String) {
    guard let parameters = parameters[layer] else { return }
    activity.stage = Stage(layer, .forward)
    activity.isWaiting = true
    reduction.waitForWeights(of: parameters)
    activity.isWaiting = false
  }

  func gradientIsComplete(of layer: String) {
    guard let parameters = parameters[layer] else { return }
    if let spoil, let stored = parameters.first(where: { table.parameters[$0].gradient == .stored }) {
      spoil(table.offsets[stored])
      self.spoil = nil
    }
    words?.add(layer, parameters)
    for parameter in parameters { reduction.gradientIsComplete(of: parameter) }
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
