// Notices an iteration that does not end. Each rank watches itself; a rank that waits says for whom, and the job is ended
// rather than left to burn the night.
import Cluster
import Compute
import Foundation
import Models
import Synchronization

/// What a rank is doing, as its own thread says and its watchdog reads.
package final class Activity: Sendable {
  private struct State {
    var text = "starting"
    var stage: Stage?
    var isWaiting = false
    var since = Clock.now
  }

  private let state = Mutex(State())

  package init() {}

  /// A new piece of work begins: an iteration, a checkpoint. The watchdog's clock starts anew.
  func begin(_ text: String) { state.withLock { $0 = State(text: text) } }

  var stage: Stage? {
    get { state.withLock { $0.stage } }
    set { state.withLock { $0.stage = newValue } }
  }

  var isWaiting: Bool {
    get { state.withLock { $0.isWaiting } }
    set { state.withLock { $0.isWaiting = newValue } }
  }

  /// What is being done, at which layer, and for how many seconds.
  var now: (text: String, stage: Stage?, isWaiting: Bool, seconds: Double) {
    state.withLock { ($0.text, $0.stage, $0.isWaiting, Clock.now - $0.since) }
  }
}

/// A thread that ends the job when the rank's activity lasts longer than `limit` seconds.
final class Watchdog: Sendable {
  private let activity: Activity
  private let communicator: Communicator
  private let limit: Double
  /// Of buckets and parameters in a message's kind.
  private let plan = Mutex<BucketPlan?>(nil)

  /// Seconds that other ranks get to say what they wait for, after the first has found the time to be up.
  private static let grace = 2.0

  /// - Parameter limit: 0 for no watch.
  init(_ activity: Activity, _ communicator: Communicator, limit: Double) {
    (self.activity, self.communicator, self.limit) = (activity, communicator, limit)
    guard limit > 0 else { return }
    let thread = Thread { [self] in watch() }
    thread.start()
  }

  func knows(_ plan: BucketPlan?) { self.plan.withLock { $0 = plan } }

  private func watch() {
    while true {
      Thread.sleep(forTimeInterval: min(limit / 10, 0.5))
      let now = activity.now
      guard now.seconds > limit else { continue }
      FileHandle.standardError.write(Data((report + "\n").utf8))
      Thread.sleep(forTimeInterval: Self.grace)
      communicator.abort(status: 1)
    }
  }

  /// One line: who, what, where, since when, and for whom.
  var report: String {
    let now = activity.now
    var text =
      "dnet-train: rank \(communicator.rank) on \(communicator.nodeName): \(now.text) has lasted "
      + "\(Int(now.seconds)) s, longer than cluster.stallSeconds; it "
    text +=
      now.stage.map { "\(now.isWaiting ? "waits before" : "is at") \($0.layer), \($0.pass.rawValue)" }
      ?? "has reached no layer"
    let waits = communicator.transfersInFlight.filter { !$0.receivingFrom.isEmpty || !$0.sendingTo.isEmpty }.map { flight in
      let peers = Set(flight.receivingFrom + flight.sendingTo).sorted().map(String.init).joined(separator: ", ")
      return
        "\(describe(flight.kind)) \(flight.receivingFrom.isEmpty ? "to" : "from") \(peers.contains(",") ? "ranks" : "rank") \(peers)"
    }
    // The longest-standing first; a few say enough.
    text += waits.isEmpty ? "; no message is under way" : "; under way: " + waits.prefix(4).joined(separator: "; ")
    if waits.count > 4 { text += "; and \(waits.count - 4) more" }
    return text
  }

  private func describe(_ kind: TransferKind) -> String {
    plan.withLock { plan in
      guard let plan else { return "\(kind)" }
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
}
