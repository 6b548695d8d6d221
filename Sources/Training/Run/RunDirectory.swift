// The directory of a run and its files apart from checkpoints. Only rank 0 writes here.
import Foundation
import Images
import Support

package struct RunDirectory: Sendable {
  package let path: String

  package init(_ path: String) { self.path = path }

  package func file(_ name: String) -> String { "\(path)/\(name)" }
  package var checkpoints: String { file("checkpoints") }
  package var metrics: String { file("metrics.jsonl") }
  package var events: String { file("events") }
  package var verification: String { file("verification.jsonl") }
  package var model: String { file("model.safetensors.zst") }

  /// Creates the directory and checks that it is writable, without leaving a file in it.
  package func create() throws {
    do { try FileBytes.makeFolder(path) } catch { throw RunError.cannotWrite(path: path, reason: error.reason) }
    if access(path, W_OK | X_OK) != 0 {
      throw RunError.cannotWrite(path: path, reason: String(cString: strerror(errno)))
    }
  }

  /// Writes a small file atomically.
  package func write(_ text: String, to name: String) throws {
    do { try AtomicFile.write(text, to: file(name)) } catch {
      throw RunError.cannotWrite(path: file(name), reason: error.reason)
    }
  }
}
