import { dockerSubject } from './docker-subject.ts';
import { sandboxContract } from './sandbox-contract.ts';

sandboxContract('docker', dockerSubject);
