// Detection of an iteration that does not end. Each rank watches itself, reports what it waits for, and ends the job,
// which would otherwise occupy its nodes until the time limit.
import Cluster
import Compute
import Foundation
import Models
import Support
import Synchronization

/// The current activity of a rank, written by its main thread and read by its watchdog.
package final class Activity: Sendable {
  private struct State {
    var text = "starting"
    var stage: Stage?
    var isWaiting = false
    var since = MonotonicClock.now
  }

  private let state = Mutex(State())

  package init() {}

  /// Starts a new activity, such as an iteration or a checkpoint, and restarts the watchdog's clock.
  func begin(_ text: String) { state.withLock { $0 = State(text: text) } }

  var stage: Stage? {
    get { state.withLock { $0.stage } }
    set { state.withLock { $0.stage = newValue } }
  }

  var isWaiting: Bool {
    get { state.withLock { $0.isWaiting } }
    set { state.withLock { $0.isWaiting = newValue } }
  }

  /// The activity, its layer, whether it waits, and how many seconds it has lasted.
  var now: (text: String, stage: Stage?, isWaiting: Bool, seconds: Double) {
    state.withLock { ($0.text, $0.stage, $0.isWaiting, MonotonicClock.now - $0.since) }
  }
}

/// A thread that ends the job when the rank's activity lasts longer than a limit.
final class Watchdog: Sendable {
  private let activity: Activity
  private let communicator: Communicator
  private let limit: Double
  private let plan = Mutex<BucketPlan?>(nil)

  /// Seconds in which other ranks may report what they wait for, after the first one has detected the stall.
  private static let grace = 2.0

  /// - Parameter limit: the seconds that an activity may last; 0 for no watchdog.
  init(_ activity: Activity, _ communicator: Communicator, limit: Double) {
    self.activity = activity
    self.communicator = communicator
    self.limit = limit
    guard limit > 0 else { return }
    let thread = Thread { [self] in watch() }
    thread.start()
  }

  /// The plan that maps buckets in a message's kind to layers.
  var bucketPlan: BucketPlan? {
    get { plan.withLock { $0 } }
    set { plan.withLock { $0 = newValue } }
  }

  private func watch() {
    while true {
      Thread.sleep(forTimeInterval: min(limit / 10, 0.5))
      guard activity.now.seconds > limit else { continue }
      FileHandle.standardError.write(Data((report + "\n").utf8))
      Thread.sleep(forTimeInterval: Self.grace)
      communicator.abort(status: 1)
    }
  }

  /// One line with the rank, its activity, the layer, the duration and the ranks it waits for.
  private var report: String {
    let now = activity.now
    var text =
      "dnet-train: rank \(communicator.rank) on \(communicator.nodeName): \(now.text) has lasted "
      + "\(Int(now.seconds)) s, longer than cluster.stallSeconds; it "
    text +=
      now.stage.map { "\(now.isWaiting ? "waits before" : "is at") \($0.layer), \($0.pass.rawValue)" }
      ?? "has reached no layer"
    let waits = communicator.transfersInFlight.filter { !$0.receivingFrom.isEmpty || !$0.sendingTo.isEmpty }.map {
      transfer in
      let peers = Set(transfer.receivingFrom + transfer.sendingTo).sorted().map(String.init)
      return "\(describe(transfer.kind)) \(transfer.receivingFrom.isEmpty ? "to" : "from") "
        + "\(peers.count > 1 ? "ranks" : "rank") \(peers.joined(separator: ", "))"
    }
    // The oldest transfers come first, and a few suffice.
    text += waits.isEmpty ? "; no message is in flight" : "; in flight: " + waits.prefix(4).joined(separator: "; ")
    if waits.count > 4 { text += "; and \(waits.count - 4) more" }
    return text
  }

  private func describe(_ kind: TransferKind) -> String {
    guard let plan = bucketPlan else { return "\(kind)" }
    func names(_ parameters: [Int]) -> String {
      let layers = parameters.map {
        plan.table.parameters[$0].layer
      }
      return layers.first == layers.last ? layers.first ?? "" : "\(layers.first ?? "")...\(layers.last ?? "")"
    }
    switch kind {
    case .gradients(let bucket), .weights(let bucket): return "\(kind) (\(names(plan.buckets[bucket].parameters)))"
    case .factors(let parameter): return "gradient factors of \(names([parameter]))"
    default: return "\(kind)"
    }
  }
}
