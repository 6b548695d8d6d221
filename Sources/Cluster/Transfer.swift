// One message between two ranks.

/// Floats to be sent to or received from another rank.
package enum Transfer {
  case send(UnsafePointer<Float>, count: Int, to: Int)
  case receive(UnsafeMutablePointer<Float>, count: Int, from: Int)
}
