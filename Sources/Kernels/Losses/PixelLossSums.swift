// The sums of a loss over pixels, kept as one record per task in the workspace and combined in a fixed order.

/// The sums over one chunk of pixels, one per lane: losses, counted pixels, and correct pixels.
struct PixelLossSums {
  /// Floats of one task's record.
  static let floats = 48

  /// -log(FLT_MIN), the loss of a pixel whose probability is clamped.
  private static let largestLoss: Float = 87.336_545

  typealias Mask = SIMDMask<SIMD16<Int32>>

  private var loss = Lanes()
  private var counted = Lanes()
  private var correct = Lanes()

  /// Adds 16 pixels. `correct` must hold only for counted pixels.
  @inline(__always) mutating func add(loss term: Lanes, counted known: Mask, correct right: Mask) {
    let clamped = term.replacing(with: Self.largestLoss, where: term .> Self.largestLoss)
    loss += Lanes().replacing(with: clamped, where: known)
    counted += Lanes().replacing(with: 1, where: known)
    correct += Lanes().replacing(with: 1, where: right)
  }

  /// Writes the record of a task.
  func store(in workspace: UnsafeMutablePointer<Float>, task: Int) {
    let record = workspace + task * Self.floats
    record.setLanes(loss, at: 0)
    record.setLanes(counted, at: 16)
    record.setLanes(correct, at: 32)
  }

  /// Returns the mean loss, and the numbers of counted and of correct pixels, summed in the order of tasks in Double.
  static func combine(
    _ workspace: UnsafePointer<Float>, tasks: Int
  ) -> (loss: Float, pixels: Int, correct: Int) {
    var loss = 0.0
    var counted = 0.0
    var correct = 0.0
    for task in 0..<tasks {
      let record = workspace + task * floats
      for lane in 0..<16 {
        loss += Double(record[lane])
        counted += Double(record[16 + lane])
        correct += Double(record[32 + lane])
      }
    }
    return (counted > 0 ? Float(loss / counted) : 0, Int(counted), Int(correct))
  }
}
