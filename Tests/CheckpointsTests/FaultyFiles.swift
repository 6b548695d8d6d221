// A file layer whose calls fail on demand.
import Checkpoints
import Foundation
import Synchronization

/// The fault of one system call.
enum Fault: CaseIterable {
  case inputOutputError, noSpace, quota, readOnly
  /// A write accepts half of its bytes and reports it, which is no failure: the rest must be written again.
  case halfWrite
  /// The same, and the disk is full for every later write.
  case halfWriteThenFull
  /// The process ends: this call and all later ones have no effect.
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

/// The file system with a fault at one call, counted over all kinds of calls from 1.
final class FaultyFiles: Sendable {
  private let failing: Int
  private let fault: Fault
  private let count = Mutex(0)

  init(_ fault: Fault, atCall failing: Int) { (self.fault, self.failing) = (fault, failing) }

  var calls: Int { count.withLock { $0 } }

  /// Counts a call; sets `errno` and returns true if it must fail.
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
      // The descriptor is closed either way.
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
