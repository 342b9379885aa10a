"""What can go wrong for a terminal client, and the exit code that says so. It knows nothing of the server's own errors.

    ClientFailure
    ├── UsageFailure          options that contradict each other                      exit 2
    ├── AudioFileFailure      a file that cannot be asked                             exit 6
    │   ├── EmptyFile         0 bytes
    │   ├── NotAudio          no audio stream could be decoded from it
    │   ├── NoFrames          a sound file without one sample
    │   └── FileTooLong       longer than a session may last
    ├── WireFailure           the way to the server                                   exit 4
    │   ├── ServerUnreachable nothing answers there
    │   ├── ServerRefused     something answered, and said no
    │   └── WireLost          the connection ended before we were done
    ├── SoundDeviceFailure    no PortAudio, no sound card, or no such device          exit 5
    ├── CascadeMissing        what the comparison needs is not installed              exit 7
    └── CascadeFailed         the comparison ran and gave no result                   exit 1

Each message says what was wrong, where, and what to do. No message contains what was said or heard.
"""

from __future__ import annotations

from enum import IntEnum


class ExitCode(IntEnum):
    """What a terminal client tells its shell."""

    OK = 0
    FAILED = 1  # the server answered, but at least one turn failed
    USAGE = 2
    NO_SPEECH = 3  # the server heard no turn in what was sent
    WIRE = 4
    SOUND_DEVICE = 5
    AUDIO_FILE = 6
    CASCADE = 7


class ClientFailure(Exception):
    """Base of every error that a terminal client raises on purpose."""

    exit_code = ExitCode.FAILED


class UsageFailure(ClientFailure):
    exit_code = ExitCode.USAGE


class AudioFileFailure(ClientFailure):
    exit_code = ExitCode.AUDIO_FILE


class EmptyFile(AudioFileFailure):
    pass


class NotAudio(AudioFileFailure):
    pass


class NoFrames(AudioFileFailure):
    pass


class FileTooLong(AudioFileFailure):
    pass


class WireFailure(ClientFailure):
    exit_code = ExitCode.WIRE


class ServerUnreachable(WireFailure):
    pass


class ServerRefused(WireFailure):
    pass


class WireLost(WireFailure):
    pass


class SoundDeviceFailure(ClientFailure):
    exit_code = ExitCode.SOUND_DEVICE


class CascadeMissing(ClientFailure):
    exit_code = ExitCode.CASCADE


class CascadeFailed(ClientFailure):
    pass
