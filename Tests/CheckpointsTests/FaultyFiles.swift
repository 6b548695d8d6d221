import Checkpoints
import Foundation
import Synchronization

/// What goes wrong at one call of the writer.
enum Fault: CaseIterable {
  case inputOutputError, noSpace, quota, readOnly
  /// A write takes half of its bytes and says so: no failure, the rest is to be written again.
  case halfWrite
  /// The same, and every write after it finds the disk full.
  case halfWriteThenFull
  /// The process ends: this call and all after it have no effect.
  case death

  var code: Int32 {
    switch self {
    case .inputOutputError, .death: EIO
    case .noSpace, .halfWrite, .halfWriteThenFull: ENOSPC
    case .quota: EDQUOT
    case .readOnly: EROFS
    }
  }
}

/// The system's files with a fault at the call of a given number, counted over all kinds of calls from 1.
final class FaultyFiles: Sendable {
  private let failing: Int
  private let fault: Fault
  private let count = Mutex(0)

  init(_ fault: Fault, atCall failing: Int) { (self.fault, self.failing) = (fault, failing) }

  var calls: Int { count.withLock { $0 } }

  /// Whether this call fails outright; sets `errno` where it does.
  private func fails() -> Bool {
    let call = count.withLock { count in
      count += 1
      return count
    }
    guard call == failing || fault == .death && call > failing, fault != .halfWrite, fault != .halfWriteThenFull else {
      return false
    }
    errno = fault.code
    return true
  }

  private func write(_ descriptor: Int32, _ bytes: UnsafeRawPointer, _ size: Int) -> Int {
    if fails() { return -1 }
    let isHalved = fault == .halfWrite || fault == .halfWriteThenFull
    if isHalved && calls == failing { return FileLayer.system.write(descriptor, bytes, (size + 1) / 2) }
    if fault == .halfWriteThenFull && calls > failing {
      errno = ENOSPC
      return -1
    }
    return FileLayer.system.write(descriptor, bytes, size)
  }

  var layer: FileLayer {
    let system = FileLayer.system
    var layer = system
    layer.open = { self.fails() ? -1 : system.open($0, $1) }
    layer.read = { self.fails() ? -1 : system.read($0, $1, $2) }
    layer.write = { self.write($0, $1, $2) }
    layer.fsync = { self.fails() ? -1 : system.fsync($0) }
    layer.close = { descriptor in
      // The descriptor is gone either way.
      let status = system.close(descriptor)
      return self.fails() ? -1 : status
    }
    layer.mkdir = { self.fails() ? -1 : system.mkdir($0) }
    layer.rename = { self.fails() ? -1 : system.rename($0, $1) }
    layer.unlink = { self.fails() ? -1 : system.unlink($0) }
    layer.rmdir = { self.fails() ? -1 : system.rmdir($0) }
    layer.symlink = { self.fails() ? -1 : system.symlink($0, $1) }
    layer.names = { self.fails() ? nil : system.names($0) }
    return layer
  }
}
