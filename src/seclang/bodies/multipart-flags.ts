// The flags that ModSecurity's multipart parser raises, while they are being found out.
import type { MultipartFlags } from '../contract.ts';

export class FlagsFound {
  hasError = false;
  unmatchedBoundary = false;
  boundaryQuoted = false;
  boundaryWhitespace = false;
  dataBefore = false;
  dataAfter = false;
  headerFolding = false;
  missingSemicolon = false;
  invalidQuoting = false;
  invalidPart = false;
  invalidHeaderFolding = false;
  fileLimitExceeded = false;
  /** Ends of lines of headers and boundaries; those inside of data are the client's own. */
  sawLf = false;
  sawCrlf = false;

  done(): MultipartFlags {
    const strictError =
      this.hasError ||
      this.boundaryQuoted ||
      this.boundaryWhitespace ||
      this.dataBefore ||
      this.dataAfter ||
      this.headerFolding ||
      this.sawLf ||
      this.missingSemicolon ||
      this.invalidQuoting ||
      this.invalidPart ||
      this.invalidHeaderFolding ||
      this.fileLimitExceeded;
    return {
      strictError,
      unmatchedBoundary: this.unmatchedBoundary,
      boundaryQuoted: this.boundaryQuoted,
      boundaryWhitespace: this.boundaryWhitespace,
      dataBefore: this.dataBefore,
      dataAfter: this.dataAfter,
      headerFolding: this.headerFolding,
      lfLine: this.sawLf,
      crlfLfLines: this.sawLf && this.sawCrlf,
      missingSemicolon: this.missingSemicolon,
      invalidQuoting: this.invalidQuoting,
      invalidPart: this.invalidPart,
      invalidHeaderFolding: this.invalidHeaderFolding,
      fileLimitExceeded: this.fileLimitExceeded,
    };
  }
}
