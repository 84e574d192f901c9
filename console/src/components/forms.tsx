// Fields and dialogs, on React Aria: names, focus and keys as they must be.
import type { ReactNode } from 'react';
import { useState } from 'react';
import {
  Dialog,
  Heading,
  Input,
  Label,
  Modal,
  ModalOverlay,
  Text,
  TextArea,
  TextField,
  ToggleButton,
  ToggleButtonGroup,
} from 'react-aria-components';
import { ApiError } from '../api.ts';
import { Action } from './basic.tsx';

export function Field({
  label,
  value,
  onChange,
  hint,
  type = 'text',
  rows,
  ...rest
}: {
  readonly label: string;
  readonly value: string;
  readonly onChange: (value: string) => void;
  readonly hint?: string;
  readonly type?: 'text' | 'password' | 'search' | 'number';
  readonly rows?: number;
  readonly placeholder?: string;
  readonly autoComplete?: string;
  readonly autoFocus?: boolean;
  readonly isRequired?: boolean;
  readonly inputMode?: 'numeric' | 'text';
}) {
  const { placeholder, autoComplete, autoFocus, isRequired, inputMode } = rest;
  const shared = { ...(placeholder === undefined ? {} : { placeholder }) };
  return (
    <TextField
      className="field"
      value={value}
      onChange={onChange}
      type={type}
      isRequired={isRequired === true}
      autoFocus={autoFocus === true}
      {...(autoComplete === undefined ? {} : { autoComplete })}
      {...(inputMode === undefined ? {} : { inputMode })}
    >
      <Label>{label}</Label>
      {rows === undefined ? <Input {...shared} /> : <TextArea rows={rows} spellCheck={false} {...shared} />}
      {hint !== undefined && (
        <Text slot="description" className="hint">
          {hint}
        </Text>
      )}
    </TextField>
  );
}

export function Choice({
  label,
  value,
  onChange,
  options,
  hideLabel = false,
}: {
  readonly label: string;
  readonly value: string;
  readonly onChange: (value: string) => void;
  readonly options: readonly (readonly [value: string, text: string])[];
  readonly hideLabel?: boolean;
}) {
  return (
    <label className="field">
      <span className={hideLabel ? 'visually-hidden' : 'label'}>{label}</span>
      <select className="input" value={value} onChange={(event) => onChange(event.target.value)}>
        {options.map(([key, text]) => (
          <option key={key} value={key}>
            {text}
          </option>
        ))}
      </select>
    </label>
  );
}

export function Segments({
  label,
  value,
  onChange,
  options,
}: {
  readonly label: string;
  readonly value: string;
  readonly onChange: (value: string) => void;
  readonly options: readonly (readonly [value: string, text: string])[];
}) {
  return (
    <ToggleButtonGroup
      className="tabs"
      aria-label={label}
      selectionMode="single"
      disallowEmptySelection
      selectedKeys={[value]}
      onSelectionChange={(keys) => {
        const [key] = keys;
        if (key !== undefined) onChange(String(key));
      }}
    >
      {options.map(([key, text]) => (
        <ToggleButton key={key} id={key}>
          {text}
        </ToggleButton>
      ))}
    </ToggleButtonGroup>
  );
}

/** A dialog that does something: it stays open and says why when that fails. */
export function ActDialog({
  title,
  isOpen,
  onClose,
  onAct,
  act,
  kind = 'primary',
  children,
  isReady = true,
}: {
  readonly title: string;
  readonly isOpen: boolean;
  readonly onClose: () => void;
  readonly onAct: () => Promise<void>;
  readonly act: string;
  readonly kind?: 'primary' | 'danger';
  readonly children: ReactNode;
  readonly isReady?: boolean;
}) {
  const [problem, setProblem] = useState('');
  const [isBusy, setBusy] = useState(false);
  const run = async (): Promise<void> => {
    setBusy(true);
    setProblem('');
    try {
      await onAct();
    } catch (error) {
      setProblem(error instanceof ApiError ? error.message : String(error));
    }
    setBusy(false);
  };
  const close = (): void => {
    setProblem('');
    onClose();
  };
  return (
    <ModalOverlay className="overlay" isOpen={isOpen} onOpenChange={(open) => !open && close()} isDismissable>
      <Modal className="dialog">
        <Dialog className="dialog-inner">
          <form
            className="dialog-body"
            onSubmit={(event) => {
              event.preventDefault();
              void run();
            }}
          >
            <Heading slot="title" level={2}>
              {title}
            </Heading>
            {children}
            {problem !== '' && (
              <div className="note-box bad" role="alert">
                {problem}
              </div>
            )}
            <div className="dialog-foot">
              <Action onPress={close}>Cancel</Action>
              <Action type="submit" kind={kind} isDisabled={isBusy || !isReady}>
                {isBusy ? 'One moment…' : act}
              </Action>
            </div>
          </form>
        </Dialog>
      </Modal>
    </ModalOverlay>
  );
}

/** Shows a secret once, with a way to copy it. */
export function SecretDialog({
  title,
  secret,
  note,
  onClose,
}: {
  readonly title: string;
  readonly secret: string | null;
  readonly note: string;
  readonly onClose: () => void;
}) {
  const [copied, setCopied] = useState(false);
  return (
    <ModalOverlay className="overlay" isOpen={secret !== null} onOpenChange={(open) => !open && onClose()}>
      <Modal className="dialog">
        <Dialog className="dialog-inner">
          <div className="dialog-body">
            <Heading slot="title" level={2}>
              {title}
            </Heading>
            <p className="soft">{note}</p>
            <div className="secret" data-testid="secret">
              {secret}
            </div>
            <div className="dialog-foot">
              <Action
                onPress={() => {
                  void navigator.clipboard.writeText(secret ?? '').then(() => setCopied(true));
                }}
              >
                {copied ? 'Copied' : 'Copy'}
              </Action>
              <Action kind="primary" onPress={onClose}>
                I have kept it
              </Action>
            </div>
          </div>
        </Dialog>
      </Modal>
    </ModalOverlay>
  );
}
